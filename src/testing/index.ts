export { type AdapterCase, type AdapterUnderTest, adapterCases, type ServedRouter } from "./adapter-cases.ts";
export {
  type Certainty,
  type ExplainInput,
  type ExplainProvider,
  type Explanation,
  explain,
  type Finding,
  type FindingCode,
  type ProviderParts,
} from "./explain.ts";
export {
  createFakeProvider,
  type FakeAttempt,
  type FakeDeliveryOptions,
  type FakeProvider,
  type FakeProviderOptions,
} from "./fake-provider.ts";
export { type IdempotencyStoreCase, idempotencyStoreCases, type StoreUnderTest } from "./idempotency-store-cases.ts";
export { type InboxStoreCase, type InboxStoreUnderTest, inboxStoreCases } from "./inbox-store-cases.ts";
export {
  type ProviderCase,
  type ProviderUnderTest,
  type ProviderUnderTestSample,
  type ProviderVector,
  providerCases,
} from "./provider-cases.ts";
export type { SampleDelivery } from "./sample.ts";
export { type SampleDeliveryOptions, sampleDelivery } from "./sample-delivery.ts";
export type { SampleOverrides } from "./sample-overrides.ts";
export {
  type SampleEvent,
  type SamplePayloadOptions,
  type SampleType,
  type SampleTypeInfo,
  type SampleVariant,
  samplePayload,
  sampleTypes,
} from "./sample-payload.ts";
export {
  type HeyGenVariants,
  type KlingVariants,
  type KonProVariants,
  type SampleEvents,
  type SampleProvider,
  type SampleVariants,
  sampleProviders,
  type VideoPilotVariants,
} from "./samples/senders.ts";
export {
  type SignHmacHexOptions,
  type SignStandardWebhooksOptions,
  type StandardWebhooksHeaders,
  signHmacHex,
  signStandardWebhooks,
} from "./sign.ts";
export { type Tampering, tamper, tamperings } from "./tamper.ts";

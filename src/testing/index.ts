export { type IdempotencyStoreCase, idempotencyStoreCases, type StoreUnderTest } from "./idempotency-store-cases.ts";
export { type InboxStoreCase, type InboxStoreUnderTest, inboxStoreCases } from "./inbox-store-cases.ts";

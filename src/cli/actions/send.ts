import { createSample, recipeOf, type SampleDelivery } from "../../testing/sample.ts";
import { sampleDelivery } from "../../testing/sample-delivery.ts";
import { senderOf } from "../../testing/samples/senders.ts";
import { tamper } from "../../testing/tamper.ts";
import { parseChanges } from "../changes.ts";
import type { SendOptions } from "../commands/send.ts";
import { type Answer, deliver } from "../deliver.ts";
import { deliverMany } from "../deliver-many.ts";
import { type ExitCode, exitCodes, unreachable, usageFailure } from "../failure.ts";
import { readInput } from "../files.ts";
import { hideSignature } from "../hide-signature.ts";
import { printable, printableLines } from "../printable.ts";
import type { ProviderName } from "../providers.ts";
import { maskUrls } from "../redact.ts";
import { checkSample, makePayload, type SampleChoice } from "../sample-source.ts";
import { saveDelivery } from "../saved-delivery.ts";
import { type Credentials, readCredentials } from "../secrets.ts";
import type { Session } from "../session.ts";

/** `send` */
export async function send(session: Session, provider: ProviderName, event: string | undefined, options: SendOptions): Promise<ExitCode> {
  const make = await sampleMaker(session, provider, event, options);
  const { ackDeadlineMs } = senderOf(provider);
  const timeoutMs = options.timeout ?? ackDeadlineMs;
  const first = make(1);
  if (options.save !== undefined) await saveDelivery(options.save, { ...first, method: "POST", provider, receivedAt: new Date() });
  if (options.repeat > 1) return deliverMany(session, make, { ...options, timeoutMs });

  if (options.tamper === "replayed") {
    const { status } = await answerTo(first, timeoutMs);
    session.output.note(`The original was answered with ${status}. This is its replay:`);
  }
  const sent = await answerTo(first, timeoutMs);
  report(session, first, sent);
  return sent.ok ? exitCodes.ok : exitCodes.failed;
}

async function answerTo(sample: SampleDelivery, timeoutMs: number): Promise<Answer> {
  const sent = await deliver(sample, timeoutMs);
  if ("error" in sent) throw unreachable(sent.code, `No answer from ${maskUrls(sample.url)}: ${sent.error}.`);
  return sent;
}

function report({ output, redactor }: Session, sample: SampleDelivery, answer: Answer): void {
  const { status, milliseconds, cut, contentType } = answer;
  // Receivers under development repeat what they were sent.
  hideSignature(redactor, sample);
  const [statusText, body] = [redactor.redact(answer.statusText), redactor.redact(answer.body)];
  const location = answer.location && redactor.redact(answer.location);
  const url = maskUrls(sample.url);
  const { provider, type } = sample;
  output.result(
    { provider, type, url, ok: answer.ok, status, milliseconds: Math.round(milliseconds), contentType, location, body, cut },
    () => {
      const line = output.paint(answer.ok ? "green" : "red", printable(`${status} ${statusText}`.trim()));
      const lines = [`${provider} ${type} to ${url}`, `${line} in ${Math.round(milliseconds)} ms`];
      if (location !== undefined) lines.push(`redirects to ${printable(location)}, which providers do not follow`);
      if (body !== "") lines.push(printableLines(body));
      if (cut) lines.push("(the rest of the answer is left out)");
      return lines;
    },
  );
}

/** Makes the delivery of a number. The same event is signed anew from time to time, as a provider does when it tries again. */
async function sampleMaker(
  session: Session,
  provider: ProviderName,
  event: string | undefined,
  options: SendOptions,
): Promise<(number: number) => SampleDelivery> {
  const credentials = await readCredentials(session, provider, options);
  const now = Date.now();
  const build =
    options.body === undefined
      ? fromSample(provider, event, options, credentials, now)
      : await fromBody(session, provider, event, options, credentials, now);
  const isNumbered = [options.id ?? "", ...(options.set ?? [])].some((text) => text.includes("{n}"));
  const finish = (number: number): SampleDelivery => {
    const sample = createSample({ ...recipeOf(build(number)), now: Date.now() });
    return options.tamper === undefined ? sample : tamper(sample, options.tamper);
  };
  let kept: { readonly sample: SampleDelivery; readonly at: number } | undefined;
  return (number) => {
    if (isNumbered) return finish(number);
    if (kept === undefined || Date.now() - kept.at > SIGN_ANEW_MS) kept = { sample: finish(number), at: Date.now() };
    return kept.sample;
  };
}

/** Well below the 300 seconds after which Standard Webhooks takes a delivery for too old. */
const SIGN_ANEW_MS = 60_000;

function fromSample(
  provider: ProviderName,
  event: string | undefined,
  options: SendOptions,
  { secret, token }: Credentials<string>,
  now: number,
): (number: number) => SampleDelivery {
  const choice: SampleChoice = {
    provider,
    ...checkSample(provider, event, options.variant),
    id: options.id,
    changes: parseChanges(options.set),
    now,
  };
  return (number) =>
    // The payload is complete, so that as overrides it is the event.
    sampleDelivery(provider as "heygen", choice.type as "avatar_video.success", {
      overrides: makePayload(choice, number),
      variant: choice.variant as "default",
      url: options.to,
      secret,
      token,
      header: options.header,
      scheme: options.scheme as never,
      now,
    });
}

async function fromBody(
  session: Session,
  provider: ProviderName,
  event: string | undefined,
  options: SendOptions,
  { secret, token }: Credentials<string>,
  now: number,
): Promise<() => SampleDelivery> {
  const { body, variant, id, set, to, header, scheme } = options;
  if (variant !== undefined || id !== undefined || set !== undefined)
    throw usageFailure("--body is sent as it is, so leave out --variant, --id and --set.");
  const rawBody = new Uint8Array(await readInput(body as string, session.io));
  const parsed = parsedObject(rawBody);
  if (parsed === undefined && ["expired", "future", "unknown_type", "invalid_payload"].includes(options.tamper ?? "")) {
    throw usageFailure(`--tamper ${options.tamper} changes an event, but the file of --body is no JSON object.`);
  }
  const url = new URL(to);
  if (token !== undefined) url.searchParams.set("token", token);
  const sender = senderOf(provider);
  const signer = secret === undefined ? {} : { signer: { secret, signing: sender.signing(secret, { header, scheme }) } };
  const sample = createSample({
    provider,
    type: event ?? "(body of a file)",
    event: parsed ?? {},
    rawBody,
    url: url.href,
    sender,
    now,
    ...signer,
  });
  return () => sample;
}

function parsedObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    // A body need not be JSON: what becomes of one that is not is worth a test.
    return undefined;
  }
}

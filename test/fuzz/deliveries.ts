import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { type NodeHandler, nodeHandler } from "../../src/adapters/node.ts";
import type { Delivery } from "../../src/delivery.ts";
import { openSqliteInbox } from "../../src/inbox/sqlite.ts";
import { type Outcome, type OutcomeResult, toAnswer } from "../../src/outcome.ts";
import { listen, request } from "../suites/raw-http.ts";
import { anyBody } from "./bodies.ts";
import { naughtyStrings } from "./naughty-strings.ts";
import { createRandom, type Random } from "./random.ts";
import { MOST_BYTES, NOW, type Proof, type Receiver, receivers } from "./receivers.ts";
import { type Watched, watch } from "./watch.ts";

/** How an authentic POST within the cap may end, when its handlers succeed. */
export const authentic: ReadonlySet<OutcomeResult> = new Set<OutcomeResult>([
  "processed",
  "duplicate",
  "unknown",
  "body_not_utf8",
  "body_not_json",
  "body_not_object",
  "event_type_missing",
  "payload_invalid",
]);

/** The rows of the README's table that a sender can reach, written once more: the library's own table may be wrong. */
const statuses: ReadonlyMap<OutcomeResult, number> = new Map([
  ["processed", 200],
  ["duplicate", 200],
  ["unknown", 200],
  ["validation", 204],
  ["body_not_utf8", 400],
  ["body_not_json", 400],
  ["body_not_object", 400],
  ["event_type_missing", 400],
  ["unauthenticated", 401],
  ["method_not_allowed", 405],
  ["body_too_large", 413],
  ["payload_invalid", 422],
]);

/** How one ends whose receiver has an inbox: it is stored, whatever is in it, and the sender need not come again. */
const stored: ReadonlySet<OutcomeResult> = new Set<OutcomeResult>([
  "accepted",
  "duplicate",
  "body_not_utf8",
  "body_not_json",
  "body_not_object",
  "event_type_missing",
  "payload_invalid",
]);

/** Whether a text has the form of a signature in hex, whoever made it. */
export const isHexSignature = (text: string): boolean => /^(?:sha256=)?[0-9a-f]{64}$/i.test(text);

/** A delivery, and how it may end. */
interface Case {
  readonly receiver: number;
  readonly delivery: Delivery & { readonly body: Uint8Array };
  readonly allowed: ReadonlySet<OutcomeResult>;
}

const only = (result: OutcomeResult): ReadonlySet<OutcomeResult> => new Set([result]);
const [unauthenticated, tooLarge, methodNotAllowed, validation] = [
  only("unauthenticated"),
  only("body_too_large"),
  only("method_not_allowed"),
  only("validation"),
];

const otherHeaders = [
  "content-type",
  "content-encoding",
  "content-length",
  "host",
  "x-forwarded-host",
  "heygen-timestamp",
  "heygen-event-id",
  "idempotency-key",
  "user-agent",
  "__proto__",
  "constructor",
  "get",
  "\u0000",
];
/** None of them could be a signature in hex. */
const formless = naughtyStrings.filter((string) => !isHexSignature(string));
const endless = new Uint8Array(MOST_BYTES + 1).fill(0x20);

/** Adds a header as an own member, whatever its name. */
function withHeader(headers: object, name: string, value: unknown): object {
  const copy = { ...headers };
  Object.defineProperty(copy, name, { value, enumerable: true, configurable: true, writable: true });
  return copy;
}

/** What proves a delivery, made worthless. */
function forged(random: Random, { signs, prove, url }: Receiver, body: Uint8Array): Pick<Delivery, "headers" | "url"> {
  if (!signs) {
    const values = [
      "",
      "?",
      "?token=",
      `${url}&token=x`,
      url.slice(0, -1),
      `${url}%00`,
      url.replace("token", "TOKEN"),
      url.replace("?", "#"),
      `/x#${url}`,
    ];
    return { headers: {}, url: random.oneIn(2) ? random.pick(values) : `/x?token=${random.pick(naughtyStrings)}` };
  }
  const proof = prove(body);
  const names = Object.keys(proof);
  const name = random.pick(names);
  const given = proof[name] as string;
  const at = random.below(given.length);
  const flipped = given.slice(0, at) + String.fromCharCode(given.charCodeAt(at) ^ (1 << random.below(5))) + given.slice(at + 1);
  const values: readonly unknown[] = [
    undefined,
    flipped,
    given.slice(0, at),
    ` ${given}`,
    `${given},${given}`,
    [given, given],
    [],
    random.pick(naughtyStrings),
    given.slice(0, at) + random.pick(naughtyStrings),
    `${given}${random.pick(naughtyStrings)}`,
  ].filter((value) => typeof value !== "string" || value.replaceAll(" ", "") !== given);
  // (Spaces separate the signatures of Standard Webhooks, so that one more of them changes nothing.)
  // The signature of another body is as good as none; every member of it has to be replaced together.
  if (random.oneIn(6)) return { headers: prove(Buffer.concat([body, random.bytes(1)])), url };
  return { headers: withHeader(proof, name, random.pick(values)) as Proof, url };
}

/** Makes the case of a number. */
export function makeCase(seed: number, index: number): Case {
  const random = createRandom(seed, index);
  const at = random.below(receivers.length);
  const receiver = receivers[at] as Receiver;
  const { url, prove } = receiver;
  const body = anyBody(random, receiver.provider);
  const make = (allowed: Case["allowed"], changes: Partial<Case["delivery"]>): Case => ({
    receiver: at,
    delivery: { method: "POST", url, headers: {}, body, ...changes },
    allowed,
  });
  const kind = random.below(40);
  if (kind === 0) return make(validation, { method: "OPTIONS" });
  if (kind === 1) return make(methodNotAllowed, { method: random.pick(["GET", "PUT", "post", "DELETE", "HEAD", ...naughtyStrings]) });
  if (kind === 2 && random.oneIn(50)) return make(tooLarge, { body: endless });
  if (kind < 12) return make(unauthenticated, forged(random, receiver, body));
  let headers: object = prove(body);
  const others = receiver.searched.filter((name) => !(name in headers));
  // What has another form than a signature is passed over, wherever it is looked for.
  if (others.length > 0 && random.oneIn(3)) headers = withHeader(headers, random.pick(others), random.pick(formless));
  if (random.oneIn(3)) {
    const value = random.oneIn(5) ? [random.pick(naughtyStrings), random.pick(naughtyStrings)] : random.pick(naughtyStrings);
    headers = withHeader(headers, random.pick(otherHeaders), value);
  }
  return make(authentic, { headers: headers as Proof });
}

/** Why an outcome is not one of the table, or not one that the delivery may have. */
export function wrongWith(outcome: Outcome, allowed: ReadonlySet<OutcomeResult>): string | undefined {
  const { result, status } = outcome;
  if (!allowed.has(result)) return `it ended as ${result}, and may end as ${[...allowed].join(", ")}`;
  if (status !== (allowed === stored ? 200 : statuses.get(result))) return `${result} has the status ${status}`;
  const answer = toAnswer(outcome);
  if (answer.status !== status) return `${result} was answered ${answer.status}`;
  if (/[^\x20-\x7e]/.test(answer.body ?? "")) return `the answer to ${result} is not ASCII`;
  return undefined;
}

/** How often a delivery comes in by another way than the call of a function, which would take too long for all of them. */
const BY_FETCH_ONE_IN = 16;
const BY_SOCKET_ONE_IN = 128;
/** How often one is also delivered to a receiver with an inbox, which writes to disk. */
const TO_INBOX_ONE_IN = 64;

/** Delivers what the numbers say. */
export interface Deliverer {
  deliver(seed: number, index: number): Promise<{ result: OutcomeResult; problems: readonly string[] }>;
  /** How many came over a socket. */
  readonly overSocket: number;
  /** Works off what is in the inboxes, and says what was wrong with it. */
  workOff(): Promise<{ readonly kept: number; readonly problems: readonly string[] }>;
  close(): Promise<void>;
}

/** Opens the receivers, and a server for them. */
export async function openDeliverer(): Promise<Deliverer> {
  const watched: readonly Watched[] = receivers.map((receiver) => watch(receiver));
  const handlers = watched.map(({ router }) => nodeHandler(router));
  let overSocket = 0;
  // One delivery follows the other, so that the server can belong to each receiver in turn.
  let current = 0;
  const folder = mkdtempSync(path.join(tmpdir(), "fuzz-inboxes-"));
  const inboxes = await Promise.all(
    receivers.map(async (receiver, index) => {
      const inbox = await openSqliteInbox({ path: path.join(folder, `${index}.db`), attempts: 1, clock: () => NOW });
      return { inbox, ...watch(receiver, { inbox, clock: () => NOW }) };
    }),
  );
  const server = await listen((request, response) => (handlers[current] as NodeHandler)(request, response));
  return {
    async deliver(seed, index) {
      const { receiver, delivery, allowed } = makeCase(seed, index);
      const { router, problems } = watched[receiver] as Watched;
      const sendable = index % BY_FETCH_ONE_IN === 0 ? toSendable(delivery) : undefined;
      let outcome: Outcome;
      if (sendable !== undefined && index % BY_SOCKET_ONE_IN === 0 && isForSocket(sendable)) {
        current = receiver;
        overSocket++;
        outcome = await outcomeOf(await request(new URL(server.url).origin, sendable));
      } else {
        outcome = (await byFetch(router, sendable)) ?? (await router.receive(delivery));
      }
      const wrong = wrongWith(outcome, allowed);
      const kept = index % TO_INBOX_ONE_IN === 0 ? await (inboxes[receiver] as Watched).router.receive(delivery) : undefined;
      // An empty body is nothing to keep.
      const isKept = allowed === authentic && delivery.body.byteLength > 0;
      const wronglyKept = kept && wrongWith(kept, isKept ? stored : allowed);
      const found = [wrong, wronglyKept && `with an inbox, ${wronglyKept}`].filter((each) => each !== undefined);
      return { result: outcome.result, problems: [...found, ...problems.splice(0)] };
    },
    async workOff() {
      let kept = 0;
      const found: string[] = [];
      for (const { inbox, router, problems } of inboxes) {
        const worker = inbox.work(router, { onProblem: ({ problem }) => problems.push(`a worker has the problem ${problem}`) });
        await worker.idle();
        await worker.stop();
        const { done, dead, ...unfinished } = (await inbox.stats()).states;
        kept += done + dead;
        if (Object.values(unfinished).some((count) => count > 0)) problems.push(`an inbox was left with ${JSON.stringify(unfinished)}`);
        found.push(...problems.splice(0));
      }
      return { kept, problems: found };
    },
    get overSocket() {
      return overSocket;
    },
    async close() {
      await server.close();
      for (const { inbox } of inboxes) await inbox.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A delivery that a client can send as it is. */
interface Sendable {
  readonly method: string;
  /** The target of the request line. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const encodable = /^[\t\x20-\x7e\x80-\xff]*$/;

/** `undefined` for one that no client can send, or not without changing it. */
function toSendable({ method, url, headers, body }: Case["delivery"]): Sendable | undefined {
  const entries = Object.entries(headers as object) as [string, unknown][];
  const fits = entries.every(
    ([name, value]) =>
      /^[\w-]+$/.test(name) && name !== "content-length" && typeof value === "string" && encodable.test(value) && value.trim() === value,
  );
  if (!fits || !["POST", "OPTIONS", "PUT"].includes(method) || !/^[\x21-\x7e]*$/.test(url)) return undefined;
  return { method, target: url, headers: Object.fromEntries(entries) as Sendable["headers"], body };
}

/** Servers of Node.js refuse some requests themselves, and close while a body beyond the cap still comes. */
function isForSocket({ target, headers, body }: Sendable): boolean {
  return /^\/[^#]*$/.test(target) && headers.host === undefined && body.byteLength <= MOST_BYTES;
}

/** Delivers as a `Request` what can be one. */
async function byFetch(router: Watched["router"], sendable: Sendable | undefined): Promise<Outcome | undefined> {
  const address = new URL("https://app.example.test/");
  // As it is: parsing would encode or drop some of what a raw request line can have.
  if (sendable === undefined || !URL.canParse(sendable.target, address)) return undefined;
  const { method, target, headers, body } = sendable;
  const init = { method, headers: Object.entries(headers), body: body as Uint8Array<ArrayBuffer> };
  return outcomeOf(await router.fetch(new Request(new URL(target, address), init)));
}

/** Reads the outcome from the answer. */
async function outcomeOf(answer: Response): Promise<Outcome> {
  const text = await answer.text();
  if (answer.status === 204) return { result: "validation", status: 204 };
  const { result, code } = JSON.parse(text) as { readonly result?: OutcomeResult; readonly code?: OutcomeResult };
  return { result: (result ?? code) as OutcomeResult, status: answer.status };
}

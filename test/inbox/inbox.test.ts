import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { ConfigurationError } from "../../src/errors.ts";
import { createInbox, type Inbox, type ListOptions } from "../../src/inbox/inbox.ts";
import type { InboxEvent } from "../../src/inbox/intake.ts";
import { openSqliteInbox } from "../../src/inbox/sqlite.ts";
import type { InboxFilter, InboxStore, PruneOptions } from "../../src/inbox/store.ts";
import type { InboxRouter } from "../../src/inbox/worker.ts";
import { inboxStoreCases } from "../../src/testing/index.ts";

const intervention = { by: "ada", reason: "the bucket is back" };
const folder = mkdtempSync(path.join(tmpdir(), "inbox-"));
const open: Inbox[] = [];
let files = 0;
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  for (const inbox of open.splice(0)) await inbox.close();
});

async function openInbox(): Promise<Inbox> {
  const inbox = await openSqliteInbox({ path: path.join(folder, `${files++}.db`) });
  open.push(inbox);
  return inbox;
}

const eventOf = (name: string): InboxEvent => ({
  provider: "heygen",
  endpoint: "default",
  type: "job.done",
  id: `heygen/default/job.done/${name}`,
  fingerprint: "a".repeat(64),
  rawBody: new TextEncoder().encode(JSON.stringify({ name })),
  headers: {},
  authenticity: { method: "signature", secretIndex: 0 },
  receivedAt: 1_800_000_000_000,
});

const routerOf = (handle: InboxRouter["handle"]): InboxRouter => ({ provider: { name: "heygen", endpoint: "default" }, handle });

async function refusalOf(operation: () => Promise<unknown>): Promise<string> {
  const error: unknown = await operation().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ConfigurationError);
  return (error as Error).message;
}

describe("the conditions of an inbox", () => {
  // As they come from JavaScript, where nothing has checked them.
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ receivedAfter: new Date("nonsense") }, /receivedAfter must be a Date with a valid time/],
    [{ receivedBefore: new Date(Number.NaN) }, /receivedBefore must be a Date with a valid time/],
    [{ receivedBefore: 1_800_000_000_000 }, /receivedBefore must be a Date/],
    [{ receivedAfter: "2027-01-15" }, /receivedAfter must be a Date/],
    [{ receivedAfter: null }, /receivedAfter must be a Date/],
    [{ provider: 5 }, /provider must be a text/],
    [{ endpoint: null }, /endpoint must be a text/],
    [{ type: ["job.done"] }, /type must be a text/],
    [{ id: { like: "%" } }, /id must be a text/],
    [{ state: "finished" }, /no state "finished".*received, processing/],
    [{ state: ["dead", "finished"] }, /no state "finished"/],
    [{ state: null }, /no state "null"/],
    [{ provder: "heygen" }, /no condition "provder".*provider/],
  ];

  it.each(wrong)("refuse %o in every operation, and nothing is changed", async (filter, message) => {
    const inbox = await openInbox();
    await inbox.accept(eventOf("a"));
    for (const operate of [
      () => inbox.list(filter as ListOptions),
      () => inbox.discard(filter as InboxFilter, intervention),
      () => inbox.replay(filter as InboxFilter, intervention),
    ]) {
      expect(await refusalOf(operate)).toMatch(message);
    }
    expect((await inbox.stats()).states).toMatchObject({ received: 1, dead: 0 });
  });

  it("have to be there where something is changed", async () => {
    const inbox = await openInbox();
    for (const nothing of [{}, { state: undefined, id: undefined }]) {
      expect(await refusalOf(() => inbox.discard(nothing, intervention))).toMatch(/of everything needs a condition/);
      expect(await refusalOf(() => inbox.replay(nothing, intervention))).toMatch(/of everything needs a condition/);
    }
    for (const none of [undefined, null, 5]) {
      expect(await refusalOf(() => inbox.discard(none as never, intervention))).toMatch(/must be an object/);
    }
    expect(await refusalOf(() => inbox.discard([5] as never, intervention))).toMatch(/must be texts/);
  });

  it("may be left undefined, and select by time", async () => {
    const inbox = await openInbox();
    await inbox.accept(eventOf("a"));
    const before = new Date(1_800_000_000_000);
    expect((await inbox.list({ receivedAfter: before })).entries).toHaveLength(0);
    expect((await inbox.list({ receivedBefore: new Date(before.getTime() + 1), provider: undefined })).entries).toHaveLength(1);
  });
});

describe("the contract of a store", () => {
  it("says of each method which cases prove it, and there are such cases", () => {
    const text = readFileSync(new URL("../../src/inbox/store.ts", import.meta.url), "utf8").split("export interface InboxStore {")[1] ?? "";
    const names = inboxStoreCases({ open: () => Promise.reject(new Error("not opened")) }).map(({ name }) => name);
    // As they stand without the breaks of lines in comments.
    const flat = text.replace(/\n\s+\*\s/g, " ");
    const cited = [...flat.matchAll(/"([a-z][^"]{15,})"/g)].map(([, name]) => name as string);
    expect(cited.filter((name) => !names.includes(name))).toEqual([]);
    const methods = text.match(/^ {2}(?:readonly )?[a-z]+\??[(:]/gim) ?? [];
    expect([methods.length, flat.match(/Proved by/g)?.length]).toEqual([16, 16]);
  });
});

describe("accept()", () => {
  it.each([
    ["nothing", null, /it is none/],
    ["text for a body", { rawBody: "x" }, /rawBody is no Uint8Array/],
    ["no body", { rawBody: undefined }, /rawBody is no Uint8Array/],
    ["numbers for a body", { rawBody: [1, 2] }, /rawBody is no Uint8Array/],
    ["no provider", { provider: undefined }, /provider is no text/],
    ["a number for a type", { type: 5 }, /type is no text/],
    ["an object for an id", { id: {} }, /id is no text/],
    ["no headers", { headers: undefined }, /headers is no object/],
    ["null for authenticity", { authenticity: null }, /authenticity is no object/],
    ["no time", { receivedAt: Number.NaN }, /receivedAt is no number/],
  ])("refuses %s, and does not ask the store", async (_what, more, message) => {
    const put = vi.fn();
    const inbox = createInbox({ put } as never);
    const event = more === null ? null : { ...eventOf("a"), ...more };
    expect(await refusalOf(() => inbox.accept(event as never))).toMatch(message);
    expect(put).not.toHaveBeenCalled();
  });

  it("takes a Buffer", async () => {
    const inbox = await openInbox();
    expect(await inbox.accept({ ...eventOf("a"), rawBody: Buffer.from("{}") })).toEqual({ duplicate: false });
  });
});

describe("a selection by entries", () => {
  it("may be of more than SQLite takes values in a statement", async () => {
    const inbox = await openInbox();
    for (const name of ["a", "b", "c"]) await inbox.accept(eventOf(name));
    const [first, second] = (await inbox.list()).entries.map(({ entry }) => entry) as [string, string];
    const unknown = Array.from({ length: 40_000 }, (_, index) => String(1_000_000 + index));
    const many = [first, ...unknown, second, first];
    expect(await inbox.discard(many, intervention)).toBe(2);
    expect((await inbox.stats()).states).toMatchObject({ received: 1, dead: 2 });
    expect(await inbox.replay(many, intervention)).toBe(2);
    expect((await inbox.stats()).states).toMatchObject({ received: 3, dead: 0 });
  });

  it("is given to the store in parts of 10,000, each entry once", async () => {
    const sizes: number[] = [];
    const change = async (which: readonly string[] | InboxFilter): Promise<number> => {
      sizes.push((which as readonly string[]).length);
      return 1;
    };
    const inbox = createInbox({ discard: change, replay: change } as Partial<InboxStore> as InboxStore);
    const entries = Array.from({ length: 40_000 }, (_, index) => String(index));
    expect(await inbox.discard(entries, intervention)).toBe(4);
    expect(await inbox.replay(entries.slice(0, 10_001), intervention)).toBe(2);
    expect(await inbox.replay([], intervention)).toBe(0);
    expect(await inbox.replay(["1", "2", "1"], intervention)).toBe(1);
    expect(sizes).toEqual([10_000, 10_000, 10_000, 10_000, 10_000, 1, 2]);
  });
});

describe("prune()", () => {
  it.each([
    [{}, /needs the option olderThanDays/],
    [{ olderThanDays: undefined, deadOlderThanDays: 3 }, /needs the option olderThanDays/],
    [undefined, /needs the option olderThanDays/],
    [{ olderThanDays: Number.NaN }, /olderThanDays of prune\(\) must be a number of days/],
    [{ olderThanDays: -1 }, /olderThanDays of prune\(\) must be/],
    [{ olderThanDays: "30" }, /olderThanDays of prune\(\) must be/],
    [{ olderThanDays: 30, deadOlderThanDays: -0.5 }, /deadOlderThanDays of prune\(\) must be/],
    [{ olderThanDays: 30, deadOlderThanDays: null }, /deadOlderThanDays of prune\(\) must be/],
    [{ olderThanDays: 30, onProgress: true }, /onProgress of prune\(\) must be a function/],
    [{ olderThanDays: 30, deadOlderThan: 90 }, /no option "deadOlderThan".*deadOlderThanDays/],
  ])("refuses %o", async (options, message) => {
    const inbox = await openInbox();
    expect(await refusalOf(() => inbox.prune(options as PruneOptions))).toMatch(message);
  });

  it("takes days without an end, so that only dead letters go", async () => {
    const inbox = await openInbox();
    await inbox.accept(eventOf("a"));
    expect(await inbox.prune({ olderThanDays: Number.POSITIVE_INFINITY, deadOlderThanDays: undefined })).toBe(0);
  });
});

describe("close()", () => {
  /** A worker whose handler ends only with its signal. */
  async function openBusy(): Promise<{ readonly inbox: Inbox; readonly aborted: Promise<unknown> }> {
    const inbox = await openInbox();
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    let abort = (_reason: unknown): void => undefined;
    const aborted = new Promise<unknown>((resolve) => {
      abort = resolve;
    });
    const router = routerOf(async (_event, { signal }) => {
      begin();
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      abort(signal.reason);
      return { result: "processed" };
    });
    await inbox.accept(eventOf("a"));
    inbox.work(router, { pollMs: 20 });
    await begun;
    return { inbox, aborted };
  }

  // Without it, it would take 30 seconds.
  it("gives running handlers the grace that it is told", { timeout: 10_000 }, async () => {
    const { inbox, aborted } = await openBusy();
    await inbox.close({ graceMs: 0 });
    expect(await aborted).toMatchObject({ name: "ShutdownError" });
  });

  it("waits less long when it is called again", { timeout: 10_000 }, async () => {
    const { inbox, aborted } = await openBusy();
    const first = inbox.close();
    await inbox.close({ graceMs: 0 });
    await first;
    expect(await aborted).toMatchObject({ name: "ShutdownError" });
    expect(() => inbox.work(routerOf(async () => ({ result: "processed" })))).toThrow(ConfigurationError);
  });

  it.each([Number.NaN, -1])("refuses a grace of %d and stays open", async (graceMs) => {
    const inbox = await openInbox();
    expect(await refusalOf(() => inbox.close({ graceMs }))).toMatch(/graceMs of close\(\)/);
    expect(await inbox.accept(eventOf("a"))).toEqual({ duplicate: false });
  });

  it("leaves workers alone that have stopped before", async () => {
    let listening = 0;
    let asked = 0;
    const store: Partial<InboxStore> = {
      claim: async () => [],
      dueSources: async () => [],
      onPut: () => {
        listening++;
        return () => {
          asked++;
        };
      },
      close: async () => undefined,
    };
    const inbox = createInbox(store as InboxStore);
    const router = routerOf(async () => ({ result: "processed" }));
    const workers = [inbox.work(router), inbox.work(router)];
    await workers[0]?.stop();
    expect([listening, asked]).toEqual([2, 1]);
    await inbox.close();
    expect([listening, asked]).toEqual([2, 2]);
  });
});

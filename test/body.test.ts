import { PassThrough } from "node:stream";
import { afterEach, describe, expect, it, vi } from "vitest";
import { readNodeStream } from "../src/adapters/node-http.ts";
import { addChunk, BODY_TIMEOUT_MS, joinBytes } from "../src/body.ts";
import { heygen } from "../src/providers/heygen.ts";
import { createRouter } from "../src/router.ts";

describe("addChunk", () => {
  const join = (chunks: readonly Uint8Array[]): Uint8Array =>
    joinBytes(
      chunks,
      chunks.reduce((sum, { length }) => sum + length, 0),
    );

  it("P13, P19: keeps every byte in order, and a million chunks of one byte in a hundred", () => {
    const bytes = Uint8Array.from({ length: 1_000_000 }, (_, index) => index * 7 + (index >> 8));
    const chunks: Uint8Array[] = [];
    let most = 0;
    for (let at = 0; at < bytes.length; at++) {
      addChunk(chunks, bytes.subarray(at, at + 1));
      most = Math.max(most, chunks.length);
    }
    expect(most).toBeLessThan(100);
    expect(Buffer.from(join(chunks)).equals(bytes)).toBe(true);
  });

  it("keeps every byte in order whatever the lengths", () => {
    const bytes = Uint8Array.from({ length: 200_000 }, (_, index) => index * 31);
    const chunks: Uint8Array[] = [];
    for (let at = 0, step = 1; at < bytes.length; at += step) {
      step = (step * 75 + 74) % 257;
      addChunk(chunks, bytes.subarray(at, at + step));
    }
    expect(Buffer.from(join(chunks)).equals(bytes)).toBe(true);
    expect(chunks.length).toBeLessThan(100);
  });

  it("does not copy what comes in few chunks", () => {
    const chunks: Uint8Array[] = [];
    const first = new Uint8Array(65_536);
    for (let count = 0; count < 16; count++) addChunk(chunks, count === 0 ? first : new Uint8Array(65_536));
    expect(chunks).toHaveLength(16);
    expect(chunks[0]).toBe(first);
  });
});

describe("a body that never ends", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it("P19: is given up after a while, whichever way it is read", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    const errors: string[] = [];
    const router = createRouter(heygen({ secret: "s" })).onError(({ code }) => errors.push(code));
    const stream = new PassThrough();
    stream.write("x");
    const read = router.receive({ method: "POST", url: "/", headers: {}, body: (most) => readNodeStream(stream, {}, most, "") });
    const body = new ReadableStream({ pull: () => new Promise(() => undefined) });
    const fetched = router.fetch(new Request("http://localhost", { method: "POST", body, duplex: "half" } as RequestInit));
    let ended = 0;
    for (const each of [read, fetched]) void each.then(() => ended++);
    await vi.advanceTimersByTimeAsync(BODY_TIMEOUT_MS - 1);
    expect(ended).toBe(0);
    await vi.advanceTimersByTimeAsync(2000);
    expect(ended).toBe(2);
    expect(await read).toMatchObject({ result: "body_incomplete", status: 400 });
    expect((await fetched).status).toBe(400);
    expect(errors).toEqual(["body_incomplete", "body_incomplete"]);
    expect([stream.isPaused(), vi.getTimerCount()]).toEqual([true, 0]);
  });

  it.each([
    ["holds what has arrived", "x", "body_already_parsed"],
    ["waits for it as well", "", "body_incomplete"],
  ])("P18: names a listener that %s, if there is one", async (_what, written, code) => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const stream = new PassThrough().on("readable", () => undefined);
    stream.write(written);
    const read = readNodeStream(stream, {}, 100, "Move the line.");
    await vi.advanceTimersByTimeAsync(BODY_TIMEOUT_MS + 2000);
    expect(await read).toMatchObject({
      refused: code,
      ...(written && { hint: expect.stringMatching(/a listener for "readable"\. Move the line\.$/) }),
    });
  });
});

import type { HeaderSource } from "../delivery.ts";
import { isWebhookError } from "../errors.ts";
import { toAnswer } from "../outcome.ts";
import { expectEqual } from "./expectation.ts";
import { bytesOf, type ProviderPlay, type ProviderScene, TOKEN } from "./provider-scene.ts";

type Headers = Readonly<Record<string, string>>;

/** Delivers what has to be refused, and holds the refusal to what every refusal promises. */
async function expectRefused(scene: ProviderScene, body: Uint8Array | string, headers: HeaderSource, what: string): Promise<void> {
  const { test, first } = scene;
  const at = scene.observe();
  const outcome = await at.receive(body, headers);
  expectEqual([outcome.result, outcome.status], ["unauthenticated", 401], what);
  expectEqual([at.events.length, at.unknown.length], [0, 0], `${what}, handlers that ran`);
  expectEqual(toAnswer(outcome), toAnswer({ result: "unauthenticated", status: 401 }), `${what}, the answer`);
  const told = at.errors.map(({ message, stack }) => `${message} ${stack}`).join("\n");
  const genuine = Object.values(await scene.sign(first.body)).filter((value) => value.length > 20);
  for (const kept of [test.secret, test.otherSecret, ...genuine]) {
    expectEqual(told.includes(kept), false, `${what}, whether an error tells a secret or a signature (P46)`);
  }
}

/** Changes each header of the signature in turn. */
async function expectEachRefused(
  scene: ProviderScene,
  change: (value: string) => readonly (string | readonly string[] | undefined)[],
  what: string,
): Promise<void> {
  const body = bytesOf(scene.first.body);
  const headers = await scene.sign(body);
  for (const [name, value] of Object.entries(headers)) {
    const { [name]: _, ...rest } = headers;
    for (const changed of change(value)) {
      await expectRefused(scene, body, changed === undefined ? rest : { ...rest, [name]: changed }, `${what}, in ${name.toLowerCase()}`);
    }
  }
}

function expectThrows(run: () => unknown, what: string): void {
  let found: unknown = "no error";
  try {
    run();
  } catch (error) {
    found = isWebhookError(error) ? error.name : "an error of another kind";
  }
  expectEqual(found, "ConfigurationError", what);
}

/** The name under which the case is found that needs vectors. */
export const VECTORS = "P6: verifies deliveries that others have signed, and no other body under their signatures";

/** Who may deliver. */
export const forgeryPlays: Readonly<Record<string, ProviderPlay>> = {
  async [VECTORS]({ test, observe }) {
    for (const [index, { secret, headers, rawBody, now = Date.now() }] of (test.vectors ?? []).entries()) {
      const at = () => observe(test.create({ secret }), { clock: () => now });
      expectEqual((await at().receive(rawBody, headers)).status !== 401, true, `whether vector ${index + 1} is authentic`);
      const other = Uint8Array.from([...bytesOf(rawBody), 0x20]);
      expectEqual((await at().receive(other, headers)).status, 401, `vector ${index + 1} with a space behind its body`);
    }
  },
  async "refuses a signature that was made with another secret"(scene) {
    const { first, test } = scene;
    await expectRefused(scene, bytesOf(first.body), await scene.sign(first.body, test.otherSecret), "the other secret");
  },
  async "P9: refuses a delivery without a signature"(scene) {
    await expectRefused(scene, bytesOf(scene.first.body), {}, "no headers");
  },
  async "P9, P27: refuses a delivery without any one of the headers of its signature"(scene) {
    await expectEachRefused(scene, () => [undefined], "left out");
  },
  async "P11: refuses a body of which any byte was changed, added or lost"(scene) {
    const body = bytesOf(scene.first.body);
    const headers = await scene.sign(body);
    const step = Math.max(1, Math.floor(body.length / 40));
    for (let at = 0; at < body.length; at += step) {
      const changed = body.slice();
      changed[at] = (body[at] as number) ^ 1;
      await expectRefused(scene, changed, headers, `byte ${at} changed`);
    }
    const text = JSON.stringify(scene.first.body);
    for (const [what, other] of [
      ["a byte order mark added", `\ufeff${text}`],
      ["a line feed added", `${text}\n`],
      ["written anew", JSON.stringify(scene.first.body, null, 2)],
      ["its end lost", text.slice(0, -1)],
      ["nothing left", ""],
    ] as const) {
      await expectRefused(scene, other, headers, what);
    }
  },
  async "P4: refuses a header of the signature that is empty or cut off anywhere"(scene) {
    await expectEachRefused(scene, (value) => Array.from(value, (_, length) => value.slice(0, length)), "cut off");
  },
  async "P1, P2, P3: refuses a header of the signature that has another form, without an exception"(scene) {
    const others = (value: string) => [
      "x",
      "0",
      `${value}0`,
      `${value.slice(0, -1)}é`,
      `${value.slice(0, -1)}\u0000`,
      value.replace(/.$/, "-"),
    ];
    await expectEachRefused(scene, (value) => others(value).filter((each) => each !== value), "another form");
  },
  async "P20: refuses a header of the signature that comes twice"(scene) {
    await expectEachRefused(scene, (value) => [[value, value], `${value}, ${value}`], "twice");
  },
  async "says which of several secrets matched, while rotating"(scene) {
    const { create, secret, otherSecret } = scene.test;
    for (const [list, secretIndex] of [[[secret, otherSecret], 0] as const, [[otherSecret, secret], 1] as const]) {
      const at = scene.observe(create({ secret: list }));
      expectEqual((await scene.send(scene.first.body, at)).result, "processed", `the secret at ${secretIndex}`);
      expectEqual(at.events[0]?.context.authenticity, { method: "signature", secretIndex }, "the authenticity");
    }
  },
  async "finds the secret by a function, and refuses when there is none"(scene) {
    const { create, secret } = scene.test;
    const found = scene.observe(create({ secret: async () => secret }));
    expectEqual((await scene.send(scene.first.body, found)).result, "processed", "with a secret");
    const none = scene.observe(create({ secret: () => undefined }));
    expectEqual((await scene.send(scene.first.body, none)).status, 401, "without one");
  },
  async "takes deliveries without a signature by the token in the URL, and by nothing else"(scene) {
    const { create } = scene.test;
    const body = bytesOf(scene.first.body);
    for (const [url, status] of [
      [`/hooks?token=${TOKEN}`, 200],
      [`https://app.example.test/hooks?a=1&token=${TOKEN}`, 200],
      ["/hooks", 401],
      [`/hooks?token=${TOKEN}x`, 401],
      [`/hooks?token=${TOKEN}&token=${TOKEN}`, 401],
    ] as const) {
      const at = scene.observe(create({ token: TOKEN }));
      expectEqual((await at.receive(body, await scene.sign(body), { url })).status, status, url.replaceAll(TOKEN, "the-token"));
    }
  },
  async "takes everything with unsigned: true, and says so to the handler"(scene) {
    const at = scene.observe(scene.test.create({ unsigned: true }));
    expectEqual((await at.receive(bytesOf(scene.first.body))).result, "processed", "the outcome");
    expectEqual(at.events[0]?.context.authenticity, { method: "none" }, "the authenticity");
  },
  async "P7, P8, P10, P40: refuses at construction to do without a secret that can be meant"({ test: { create, secret } }) {
    for (const [what, options] of [
      ["nothing configured", {}],
      ["an unset secret", { secret: undefined }],
      ["an empty secret", { secret: "" }],
      ["a blank secret", { secret: " \t" }],
      ["no secrets", { secret: [] }],
      ["a bare prefix", { secret: "whsec_" }],
      ["a line break behind the secret", { secret: `${secret}\n` }],
      ["a short token", { token: "guess" }],
      ["unsigned beside a secret", { unsigned: true, secret }],
    ] as const) {
      expectThrows(() => create(options as never), what);
    }
  },
  async "does not show its secret"({ test: { create, secret } }) {
    const provider = create({ secret });
    expectEqual(JSON.stringify({ ...provider, events: null }).includes(secret), false, "whether the provider shows it");
  },
};

/** The name under which the case is found that needs a scheme with a time of its own. */
export const SCHEME_TIME = "P26: refuses a signed time that is too far away, in both directions";
/** The name under which the case is found that needs a time in the signed body. */
export const BODY_TIME = "P26: holds maxAgeSeconds against the time in the signed body, in both directions";

/** How old deliveries may be. */
export const timePlays: Readonly<Record<string, ProviderPlay>> = {
  async [SCHEME_TIME](scene) {
    const { create, secret } = scene.test;
    const limitMs = (create({ secret }).signature.maxAgeSeconds ?? 0) * 1000;
    const headers: Headers = await scene.sign(scene.first.body);
    for (const [byMs, reason] of [
      [limitMs + 2000, "timestamp_too_old"],
      [-limitMs - 2000, "timestamp_too_new"],
      [limitMs - 2000, undefined],
      [2000 - limitMs, undefined],
    ] as const) {
      const at = scene.observe(create({ secret }), { clock: () => scene.now + byMs });
      expectEqual((await at.receive(bytesOf(scene.first.body), headers)).reason, reason, `a clock that differs by ${byMs} ms`);
    }
  },
  async [BODY_TIME](scene) {
    const { create, secret } = scene.test;
    const provider = create({ secret, maxAgeSeconds: 60 });
    for (const { type, body } of scene.test.samples) {
      const signedAt = provider.signedAt?.(body) ?? Number.NaN;
      // Seconds taken for milliseconds would be a time in 1970.
      expectEqual(signedAt > Date.UTC(2000), true, `${type}, whether it has a time, in milliseconds`);
      for (const [byMs, reason] of [
        [61_000, "timestamp_too_old"],
        [-61_000, "timestamp_too_new"],
        [59_000, undefined],
      ] as const) {
        const at = scene.observe(provider, { clock: () => signedAt + byMs });
        expectEqual((await scene.send(body, at)).reason, reason, `${type}, a clock that differs by ${byMs} ms`);
      }
    }
  },
};

import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { normalised, runCli, runHere, startCli, temporaryFolder } from "./cli-process.ts";
import { secret, serve, serveHeyGen, unusedAddress } from "./receiver.ts";

const env = { HEYGEN_WEBHOOK_SECRET: secret };

describe("send", () => {
  it("delivers a signed sample and shows the answer", async () => {
    const { url, events } = await serveHeyGen();
    const { code, stdout, stderr } = await runCli(["send", "heygen", "avatar_video.success", "--to", url, "--id", "v_1"], { env });
    expect(normalised(stdout)).toMatchInlineSnapshot(`
      "heygen avatar_video.success to http://127.0.0.1:<port>/webhooks/heygen
      200 OK in <n> ms
      {"result":"processed","id":"heygen/default/evt_avatar_video_success_v_1"}
      "
    `);
    expect(stderr).toBe("");
    expect(code).toBe(0);
    expect(events).toMatchObject([{ event_type: "avatar_video.success", event_data: { video_id: "v_1" } }]);
  });

  it("prints one JSON document with --json", async () => {
    const { url } = await serveHeyGen();
    const { code, stdout } = await runHere(["send", "heygen", "avatar_video.fail", "--to", `${url}?a=1`, "--json"], { env });
    expect(JSON.parse(stdout)).toMatchObject({ provider: "heygen", type: "avatar_video.fail", ok: true, status: 200, url: `${url}?a=1` });
    expect(JSON.parse(JSON.parse(stdout).body)).toMatchObject({ result: "processed" });
    expect(code).toBe(0);
  });

  it("ends with 1 when the secret is wrong, and never prints it", async () => {
    const { url, events } = await serveHeyGen();
    const wrong = "whsec_of-somebody-else";
    const { code, stdout, stderr } = await runCli(["send", "heygen", "avatar_video.success", "--to", url], {
      env: { HEYGEN_WEBHOOK_SECRET: wrong },
    });
    expect(normalised(stdout)).toMatchInlineSnapshot(`
      "heygen avatar_video.success to http://127.0.0.1:<port>/webhooks/heygen
      401 Unauthorized in <n> ms
      {"type":"about:blank","title":"Unauthorized","status":401,"code":"unauthenticated"}
      "
    `);
    expect(code).toBe(1);
    expect(stdout + stderr).not.toContain(wrong);
    expect(events).toEqual([]);
  });

  it.each(["body", "signature", "missing_signature", "wrong_secret", "empty_body"])(
    "ends with 1 when the receiver refuses --tamper %s",
    async (how) => {
      const { url, events } = await serveHeyGen();
      const { code, stdout } = await runHere(["send", "heygen", "avatar_video.success", "--to", url, "--tamper", how], { env });
      expect(stdout).toContain("401 Unauthorized");
      expect(code).toBe(1);
      expect(events).toEqual([]);
    },
  );

  it("sends a delivery before its replay, which is handled once", async () => {
    const { url, events } = await serveHeyGen();
    const { code, stdout, stderr } = await runHere(["send", "heygen", "avatar_video.success", "--to", url, "--tamper", "replayed"], {
      env,
    });
    expect(stderr).toBe("The original was answered with 200. This is its replay:\n");
    expect(stdout).toContain('{"result":"duplicate"');
    expect(code).toBe(0);
    expect(events).toHaveLength(1);
  });

  it("ends with 3 when nothing listens", async () => {
    const address = await unusedAddress();
    const { code, stdout, stderr } = await runCli(
      ["send", "heygen", "avatar_video.success", "--to", `${address}/?token=not-to-be-printed`],
      { env },
    );
    expect(normalised(stderr)).toMatchInlineSnapshot(`
      "error: No answer from http://127.0.0.1:<port>/?token=***: nothing listens there (ECONNREFUSED).
      "
    `);
    expect(stdout).toBe("");
    expect(code).toBe(3);
  });

  it("ends with 3 when no answer comes in time", async () => {
    const url = await serve(() => undefined);
    const { code, stderr } = await runHere(["send", "heygen", "avatar_video.success", "--to", url, "--timeout", "50", "--json"], { env });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "timeout" } });
    expect(code).toBe(3);
  });

  it("follows no redirect", async () => {
    const url = await serve((_request, response) => response.writeHead(302, { location: "/elsewhere?token=hidden-value" }).end());
    const { code, stdout } = await runHere(["send", "heygen", "avatar_video.success", "--to", url], { env });
    expect(stdout).toContain("302 Found");
    expect(stdout).toContain("redirects to /elsewhere?token=***,");
    expect(code).toBe(1);
  });

  it("changes fields, and numbers events that are repeated", async () => {
    const { url, events } = await serveHeyGen();
    const args = [
      "--id",
      "v_{n}",
      "--set",
      "event_data.title=Take {n}",
      "--set",
      "event_data.size=12",
      "--repeat",
      "3",
      "--concurrency",
      "2",
    ];
    const { code, stdout } = await runHere(["send", "heygen", "avatar_video.success", "--to", url, ...args, "--json"], { env });
    expect(JSON.parse(stdout)).toMatchObject({ asked: 3, answered: 3, unanswered: 0, statuses: { 200: 3 } });
    const data = events.map((event) => (event as { readonly event_data: object }).event_data);
    expect(data).toHaveLength(3);
    for (const number of [1, 2, 3])
      expect(data).toContainEqual(expect.objectContaining({ video_id: `v_${number}`, title: `Take ${number}`, size: 12 }));
    expect(code).toBe(0);
  });

  it("sends the same event when it repeats one, which is handled once", async () => {
    const { url, events } = await serveHeyGen();
    const { code, stdout } = await runCli(["send", "heygen", "avatar_video.success", "--to", url, "--repeat", "5"], { env });
    const measured = /^(per second|ms \w+) +\d+$/gm;
    expect(normalised(stdout).replace(measured, "$1  <n>")).toMatchInlineSnapshot(`
      "heygen avatar_video.success to http://127.0.0.1:<port>/webhooks/heygen
      status  answers
      200           5

      answered    5
      per second  <n>
      ms p50  <n>
      ms p90  <n>
      ms p99  <n>
      ms max  <n>
      "
    `);
    expect(code).toBe(0);
    expect(events).toHaveLength(1);
  });

  it("has no more under way at once than it is allowed", async () => {
    let [now, most] = [0, 0];
    const url = await serve((request, response) => {
      most = Math.max(most, ++now);
      request.resume().on("end", () =>
        setImmediate(() => {
          now--;
          response.end();
        }),
      );
    });
    const { code } = await runHere(["send", "heygen", "avatar_video.success", "--to", url, "--repeat", "60", "--concurrency", "4"], {
      env,
    });
    expect(code).toBe(0);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
  });

  it("stops at once when nobody has answered at all", async () => {
    const address = await unusedAddress();
    const args = ["--repeat", "100000", "--concurrency", "2", "--json"];
    const { code, stdout, stderr } = await runHere(["send", "heygen", "avatar_video.success", "--to", address, ...args], { env });
    expect(JSON.parse(stdout)).toMatchObject({ asked: 100_000, answered: 0 });
    expect(JSON.parse(stdout).unanswered).toBeLessThanOrEqual(2);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "unreachable" } });
    expect(code).toBe(3);
  });

  it("says how far it came when it is interrupted", async () => {
    let answered = 0;
    const stop: { now?: () => void } = {};
    const url = await serve((request, response) => {
      request.resume();
      // Beyond this it waits, so that what was answered is known.
      if (++answered <= 3) response.end();
      else stop.now?.();
    });
    const cli = startCli(["send", "heygen", "avatar_video.success", "--to", url, "--repeat", "50", "--json"], { env });
    stop.now = () => void cli.child.kill("SIGINT");
    const { code, stdout, stderr } = await cli.ended;
    expect(JSON.parse(stdout)).toMatchObject({ answered: 3, unanswered: 0 });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "interrupted", message: "Interrupted after 3 of 50." } });
    expect(code).toBe(1);
  });

  it("sends the bytes of a file, signed", async () => {
    const { url, events } = await serveHeyGen();
    const folder = await temporaryFolder();
    const file = join(folder, "body.json");
    await writeFile(file, '{ "event_type": "a.new_one",\r\n "event_data": { "n": 1.0 } }\n');
    const { code } = await runHere(["send", "heygen", "--body", file, "--to", url], { env });
    expect(code).toBe(0);
    expect(events).toMatchObject([{ type: "a.new_one" }]);
  });

  it("shows text of the receiver without letting it steer the terminal", async () => {
    const url = await serve((_request, response) => response.end("\u001b[2Jgone\u0007"));
    const { stdout } = await runHere(["send", "heygen", "avatar_video.success", "--to", url], { env });
    expect(stdout).toContain("\\u001b[2Jgone\\u0007");
  });

  it("shows neither the secret, nor the token, nor the signature that a receiver repeats", async () => {
    const token = "an-unguessable/token";
    const seen: string[] = [];
    const url = await serve(({ headers, url: path }, response) => {
      const signature = String(headers.signature ?? headers["webhook-signature"]);
      seen.push(signature);
      response.statusCode = 401;
      response.end(JSON.stringify({ expected: signature, secret, bare: secret.slice(6), token, path }));
    });
    const folder = await temporaryFolder();
    await writeFile(join(folder, "token"), token);
    const kling = "whsec_c2FtcGxlLXNlY3JldC1vZi10aGUtdGVzdHM=";
    const everything = { HEYGEN_WEBHOOK_SECRET: secret, KLING_WEBHOOK_SECRET: kling, OTHER: secret };
    for (const sample of [
      ["heygen", "avatar_video.success"],
      ["kling", "task.succeeded"],
    ]) {
      for (const form of [[], ["--json"], ["--repeat", "2"]]) {
        const args = ["send", ...sample, "--to", url, "--token-file", join(folder, "token"), ...form];
        const { code, stdout, stderr } = await runHere(args, { env: everything });
        expect(code).toBe(1);
        const shown = stdout + stderr;
        expect(shown).toContain("expected");
        const signature = seen.at(-1) ?? "";
        for (const each of [signature, signature.replace("v1,", ""), token, encodeURIComponent(token)]) expect(shown).not.toContain(each);
        if (sample[0] === "heygen") expect(shown).not.toContain(secret.slice(6));
      }
    }
  });

  it("puts the signature where an endpoint looks for it, and signs as it does", async () => {
    const seen: Record<string, unknown>[] = [];
    const url = await serve(({ headers }, response) => {
      seen.push(headers);
      response.end();
    });
    const kling = { KLING_WEBHOOK_SECRET: "whsec_c2FtcGxlLXNlY3JldC1vZi10aGUtdGVzdHM=" };
    const body = join(await temporaryFolder(), "body.json");
    await writeFile(body, "{}");
    const to = ["--to", url];
    await runHere(["send", "heygen", "avatar_video.success", "--header", "X-Mine", ...to], { env });
    await runHere(["send", "heygen", "--body", body, "--header", "X-Mine", ...to], { env });
    await runHere(["send", "kling", "task.succeeded", "--scheme", "hex", ...to], { env: kling });
    expect(seen).toMatchObject([
      { "x-mine": expect.stringMatching(/^[0-9a-f]{64}$/) },
      { "x-mine": expect.stringMatching(/^[0-9a-f]{64}$/) },
      { "x-kling-signature": expect.any(String) },
    ]);
    for (const [args, message] of [
      [["heygen", "avatar_video.success", "--scheme", "hex"], "heygen has one scheme only"],
      [["heygen", "avatar_video.success", "--header", "x y"], "the name of a header"],
      [["kling", "task.succeeded", "--scheme", "md5"], "Allowed choices are standard-webhooks, hex."],
      [["kling", "task.succeeded", "--header", "x-mine"], "fixes its header names"],
    ] as const) {
      const { code, stderr } = await runHere(["send", ...args, ...to], { env: { ...env, ...kling } });
      expect(stderr).toContain(message);
      expect(code).toBe(2);
    }
    expect(seen).toHaveLength(3);
  });

  it("refuses an address with a password, and does not repeat it", async () => {
    const { code, stderr } = await runHere(["send", "heygen", "avatar_video.success", "--to", "http://user:s3cret-pass@127.0.0.1:1/"], {
      env,
    });
    expect(stderr).toContain("A URL cannot have a user name or a password in it here");
    expect(stderr).not.toContain("s3cret-pass");
    expect(code).toBe(2);
  });

  it("leaves out what is too long of an answer", async () => {
    const url = await serve((_request, response) => response.end("x".repeat(200_000)));
    const { stdout } = await runHere(["send", "heygen", "avatar_video.success", "--to", url, "--json"], { env });
    expect(JSON.parse(stdout).body).toHaveLength(65_536);
    expect(JSON.parse(stdout).cut).toBe(true);
  });

  it("saves the delivery in a file that only its owner can read, before it sends it", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, "delivery.json");
    const { code } = await runHere(["send", "heygen", "avatar_video.success", "--to", await unusedAddress(), "--save", file], { env });
    expect(code).toBe(3);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const text = await readFile(file, "utf8");
    expect(JSON.parse(text)).toMatchObject({
      provider: "heygen",
      method: "POST",
      headers: { signature: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(text).not.toContain(secret);
  });

  it("signs by Standard Webhooks for Kling, and without a secret only when told to", async () => {
    const seen: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      seen.push(request.headers["webhook-signature"] as string | undefined);
      request.resume();
      response.end();
    });
    const args = ["send", "kling", "task.succeeded", "--to", url];
    expect((await runHere(args)).code).toBe(2);
    expect((await runHere([...args, "--unsigned"])).code).toBe(0);
    expect((await runHere(args, { env: { KLING_WEBHOOK_SECRET: "whsec_c2FtcGxlLXNlY3JldC1vZi10aGUtdGVzdHM=" } })).code).toBe(0);
    expect(seen).toEqual([undefined, expect.stringMatching(/^v1,[A-Za-z0-9+/]{43}=$/)]);
  });

  it("puts the token of a file into the URL, and prints it nowhere", async () => {
    const folder = await temporaryFolder();
    const [file, token] = [join(folder, "token"), "an-unguessable-token"];
    await writeFile(file, `${token}\n`);
    const urls: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      urls.push(request.url);
      response.end();
    });
    const { code, stdout, stderr } = await runHere(["send", "konpro", "avatar_video.success", "--to", url, "--token-file", file]);
    expect([code, urls]).toEqual([0, [`/?token=${token}`]]);
    expect(stdout + stderr).not.toContain(token);
  });
});

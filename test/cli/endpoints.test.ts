import { access, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type FakeHeyGen, startFakeHeyGen } from "../endpoints/fake-heygen.ts";
import { startFakeKonPro } from "../endpoints/fake-konpro.ts";
import { type Ended, normalised, runCli, runHere, runInShell, startCli, temporaryFolder } from "./cli-process.ts";
import { serveHeyGen, unusedAddress } from "./receiver.ts";

interface Scene {
  readonly api: FakeHeyGen;
  readonly webhook: string;
  heygen(args: readonly string[], as?: typeof runCli): Promise<Ended>;
}

async function openScene(): Promise<Scene> {
  const api = await startFakeHeyGen();
  onTestFinished(() => api.close());
  const { url: webhook } = await serveHeyGen();
  const heygen: Scene["heygen"] = (args, as = runHere) =>
    as(["endpoints", "heygen", ...args, "--base-url", api.url], { env: { HEYGEN_API_KEY: api.apiKey } });
  return { api, webhook, heygen };
}

describe("endpoints heygen", () => {
  it("registers an endpoint, and writes its secret to a file that only its owner can read", async () => {
    const { api, webhook, heygen } = await openScene();
    const file = join(await temporaryFolder(), "heygen.secret");
    const { code, stdout, stderr } = await heygen(
      ["add", webhook, "--events", "avatar_video.success,avatar_video.fail", "--secret-out", file],
      runCli,
    );
    const [endpoint] = api.endpoints.values();
    expect(normalised(stdout).replace(file, "<file>")).toMatchInlineSnapshot(`
      "id          ep_1
      url         http://127.0.0.1:<port>/webhooks/heygen
      events      avatar_video.success, avatar_video.fail
      status      enabled
      created     <time>
      secretFile  <file>
      "
    `);
    expect([code, stderr]).toEqual([0, ""]);
    expect(endpoint).toMatchObject({ url: webhook, events: ["avatar_video.success", "avatar_video.fail"] });
    expect(await readFile(file, "utf8")).toBe(`${endpoint?.secret}\n`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(stdout).not.toContain(endpoint?.secret);
    expect(stdout + stderr).not.toContain(api.apiKey);
  });

  it("asks for nothing when it is not said what becomes of the secret", async () => {
    const { api, webhook, heygen } = await openScene();
    for (const args of [
      ["add", webhook],
      ["rotate", "ep_1"],
    ]) {
      const { code, stderr } = await heygen(args);
      expect(stderr).toContain("the new secret is shown only once and would be lost. Say --secret-out file");
      expect(code).toBe(2);
    }
    expect(api.requests).toEqual([]);
  });

  it("prints the secret only when told to", async () => {
    const { api, webhook, heygen } = await openScene();
    const { stdout } = await heygen(["add", webhook, "--show-secret", "--json"]);
    const [endpoint] = api.endpoints.values();
    expect(JSON.parse(stdout)).toMatchObject({ id: endpoint?.endpoint_id, events: null, secret: endpoint?.secret });
  });

  it("prints no token and no password of a URL, neither for people nor as JSON", async () => {
    const { api, webhook, heygen } = await openScene();
    const url = `${webhook.replace("//", "//user:hidden-pass@")}?token=hidden-token&k=hidden-k&access_token=hidden-too`;
    const shown = url.replace("user:hidden-pass", "***").replace(/hidden-[a-z]+/g, "***");
    // The probe of the fake cannot ask an address with a password.
    await heygen(["add", webhook, "--show-secret"]);
    Object.assign(api.endpoints.get("ep_1") ?? {}, { url });
    for (const args of [["list"], ["update", "ep_1", "--events", "all"]]) {
      for (const form of [[], ["--json"]]) {
        const { code, stdout } = await heygen([...args, ...form]);
        expect([code, stdout.includes(shown), stdout.includes("hidden")], `${args} ${form}`).toEqual([0, true, false]);
      }
    }
    for (const form of [[], ["--json"]]) {
      const { code, stdout } = await heygen(["add", `${webhook}?token=hidden-token`, "--show-secret", ...form]);
      expect([code, stdout.includes(`${webhook}?token=***`), stdout.includes("hidden")]).toEqual([0, true, false]);
    }
  });

  it("registers everything for --events all, and refuses lists that could mean anything else", async () => {
    const { api, webhook, heygen } = await openScene();
    await heygen(["add", webhook, "--events", "all", "--show-secret"]);
    expect(api.endpoints.get("ep_1")?.events).toBeNull();
    for (const command of [
      ["add", webhook, "--show-secret"],
      ["update", "ep_1"],
    ]) {
      for (const [given, message] of [
        ["", "It must have at least one name."],
        [" , ", "It must have at least one name."],
        ["all,avatar_video.fail", '--events takes "all" alone'],
      ] as const) {
        const { code, stderr } = await heygen([...command, "--events", given]);
        expect(stderr).toContain(message);
        expect(code).toBe(2);
      }
    }
    expect(api.requests).toHaveLength(1);
    for (const command of ["add", "update"]) {
      expect((await runHere(["endpoints", "heygen", command, "--help"])).stdout).toContain('"all"');
    }
  });

  it("asks back about names of events that it does not know, and passes them on when told to", async () => {
    const { api, webhook, heygen } = await openScene();
    for (const args of [
      ["add", webhook, "--show-secret", "--events", "avatar_video.succes"],
      ["update", "ep_1", "--events", "avatar_video.fail,avatar_video.succes"],
      ["events", "--type", "avatar_video.succes"],
    ]) {
      const { code, stderr } = await heygen(args);
      expect(stderr).toContain(
        'knows no event "avatar_video.succes" of heygen. Did you mean avatar_video.success or avatar_video_gif.success? Say --any-event if it is right nevertheless.',
      );
      expect(code).toBe(2);
    }
    expect(api.requests).toEqual([]);
    expect((await heygen(["add", webhook, "--show-secret", "--events", "brand.new", "--any-event"])).code).toBe(0);
    expect(api.endpoints.get("ep_1")?.events).toEqual(["brand.new"]);
    expect((await heygen(["events", "--type", "brand.new", "--any-event"])).code).toBe(0);
    expect(api.requests.at(-1)?.query.get("event_type")).toBe("brand.new");
  });

  it("says that a secret is lost where nobody reads it, or the disk is full, and which endpoint has it", async () => {
    const { api, webhook } = await openScene();
    const args = ["endpoints", "heygen", "add", webhook, "--show-secret", "--base-url", api.url];
    const env = { HEYGEN_API_KEY: api.apiKey };
    for (const [script, reason] of [
      // Its first line of input comes when the reader is gone.
      ['exec 3>&1; { "$0" "$@"; echo "code $?" >&3; } | true', "nobody reads it any more (EPIPE)"],
      ['"$0" "$@" > /dev/full; echo "code $?"', "the disk is full (ENOSPC)"],
    ] as const) {
      const { stdout, stderr } = await runInShell(script, args, { env });
      expect(stderr).toMatch(/^error: The endpoint ep_\d was registered, but its secret was not shown\./);
      expect(stderr).toContain(`Cannot write to the standard output: ${reason}. Rotate it, or delete the endpoint and add it again.\n`);
      expect(stderr).not.toContain("whsec_");
      expect(stdout).toBe("code 3\n");
    }
    const json = await runInShell('"$0" "$@" > /dev/full', ["endpoints", "heygen", "rotate", "ep_1", ...args.slice(4), "--json"], { env });
    expect(JSON.parse(json.stderr)).toMatchObject({
      error: { code: "secret_lost", message: expect.stringMatching(/^The secret of ep_1 was replaced.*Rotate it once more\.$/) },
    });
    expect(json.code).toBe(3);
  });

  it("leaves nothing behind when it is interrupted, and says that the call may have taken effect", async () => {
    const { api, webhook } = await openScene();
    const folder = await temporaryFolder();
    const out = ["--secret-out", join(folder, "heygen.secret"), "--base-url", api.url];
    for (const [command, message] of [
      [["add", webhook], "create() was aborted; it may have taken effect. Look with list()"],
      [["rotate", "ep_1"], "rotateSecret() was aborted; it may have taken effect."],
    ] as const) {
      const before = api.requests.length;
      api.mishaps.push({ stall: "headers" });
      const cli = startCli(["endpoints", "heygen", ...command, ...out, "--json"], { env: { HEYGEN_API_KEY: api.apiKey } });
      await expect.poll(() => api.requests.length).toBe(before + 1);
      expect(await readdir(folder)).toHaveLength(1);
      cli.child.kill("SIGINT");
      const { code, stdout, stderr } = await cli.ended;
      expect(JSON.parse(stderr)).toMatchObject({ error: { code: "interrupted", message: expect.stringContaining(message) } });
      expect([code, stdout]).toEqual([1, ""]);
      expect(await readdir(folder)).toEqual([]);
    }
  });

  it("overwrites no other secret, unless it is forced to", async () => {
    const { api, webhook, heygen } = await openScene();
    const file = join(await temporaryFolder(), "heygen.secret");
    await writeFile(file, "another secret\n");
    const refused = await heygen(["add", webhook, "--secret-out", file]);
    expect(refused.stderr).toContain("exists and may be another secret");
    expect([refused.code, api.requests.length]).toEqual([2, 0]);
    expect(await readFile(file, "utf8")).toBe("another secret\n");
    expect((await heygen(["add", webhook, "--secret-out", file, "--force"])).code).toBe(0);
    expect(await readFile(file, "utf8")).toBe("whsec_fake-1\n");
  });

  it("leaves no file behind when the call fails", async () => {
    const { heygen } = await openScene();
    const folder = await temporaryFolder();
    const { code, stderr } = await heygen(["add", await unusedAddress(), "--secret-out", join(folder, "heygen.secret")]);
    expect(stderr).toContain("error: ");
    expect(code).toBe(1);
    expect(await readdir(folder)).toEqual([]);
  });

  it("asks for nothing where the file cannot be made, and says what to do when the disk is full", async () => {
    const { api, webhook, heygen } = await openScene();
    const missing = await heygen(["add", webhook, "--secret-out", "/nowhere/heygen.secret"]);
    expect([missing.code, api.requests.length]).toEqual([3, 0]);
    const full = await heygen(["add", webhook, "--secret-out", "/dev/full"]);
    expect(full.stderr).toBe(
      "error: The endpoint ep_1 was registered, but its secret was not kept. Cannot write /dev/full: the disk is full (ENOSPC). " +
        "Rotate it, or delete the endpoint and add it again.\n",
    );
    expect(full.code).toBe(3);
    await access("/dev/full");
  });

  it("lists, changes, rotates and deletes", async () => {
    const { api, webhook, heygen } = await openScene();
    for (let number = 1; number <= 12; number++) await heygen(["add", `${webhook}?token=hidden-token-${number}`, "--show-secret"]);
    const listed = await heygen(["list"]);
    expect(listed.stdout.trim().split("\n")).toHaveLength(13);
    expect(normalised(listed.stdout).split("\n")[1]).toBe(
      "ep_1   enabled  http://127.0.0.1:<port>/webhooks/heygen?token=***  all     <time>",
    );
    expect(listed.stdout).not.toContain("whsec_");
    expect(JSON.parse((await heygen(["list", "--json"])).stdout)).toHaveLength(12);

    expect((await heygen(["update", "ep_2", "--events", "avatar_video.fail"])).code).toBe(0);
    expect(api.endpoints.get("ep_2")?.events).toEqual(["avatar_video.fail"]);
    expect((await heygen(["update", "ep_2", "--events", "all"])).code).toBe(0);
    expect(api.endpoints.get("ep_2")?.events).toBeNull();
    expect((await heygen(["update", "ep_2"])).code).toBe(2);

    const rotated = await heygen(["rotate", "ep_2", "--show-secret", "--json"]);
    expect(JSON.parse(rotated.stdout)).toEqual({ id: "ep_2", secret: api.endpoints.get("ep_2")?.secret });
    expect((await heygen(["delete", "ep_2"])).stdout).toBe("ep_2 was deleted\n");
    expect(api.endpoints.has("ep_2")).toBe(false);
    const again = await heygen(["delete", "ep_2", "--json"]);
    expect(JSON.parse(again.stderr)).toMatchObject({ error: { code: "not_found" } });
    expect(again.code).toBe(1);
  });

  it("prints event types and the history", async () => {
    const { api, heygen } = await openScene();
    for (let number = 120; number > 0; number--) {
      api.history.push({
        event_id: `evt_${number}`,
        event_type: "avatar_video.success",
        event_data: {},
        created_at: "2026-11-20T10:00:00Z",
      });
    }
    expect((await heygen(["event-types"])).stdout).toMatch(/^type +description\navatar_video.success +A video is ready.\n$/);
    const events = JSON.parse((await heygen(["events", "--limit", "110", "--json"])).stdout);
    expect(events).toHaveLength(110);
    expect(events[0]).toMatchObject({ event_id: "evt_120" });
    expect((await heygen(["events", "--limit", "1"])).stdout).toMatch(
      /^created +type +id\n2026-11-20T10:00:00Z +avatar_video.success +evt_120\n$/,
    );
  });

  it("ends with 1 when the key is wrong, and repeats it nowhere", async () => {
    const { api } = await openScene();
    const file = join(await temporaryFolder(), "key");
    await writeFile(file, "a-wrong-api-key\n");
    const { code, stdout, stderr } = await runCli(["endpoints", "heygen", "list", "--base-url", api.url, "--api-key-file", file]);
    expect(stderr).toMatch(/^error: /);
    expect(stdout + stderr).not.toContain("a-wrong-api-key");
    expect(code).toBe(1);
    expect((await runHere(["endpoints", "heygen", "list", "--base-url", api.url])).code).toBe(2);
  });

  it("ends with 3 when the API cannot be reached or does not answer, and with 2 for addresses that are not safe", async () => {
    const env = { HEYGEN_API_KEY: "an-api-key" };
    const list = ["endpoints", "heygen", "list", "--base-url"];
    const { code, stderr } = await runHere([...list, await unusedAddress(), "--json"], { env });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "unavailable" } });
    expect(code).toBe(3);
    expect((await runHere([...list, "http://api.example.test"], { env })).code).toBe(2);
    const insecure = await runHere(["endpoints", "heygen", "add", "http://app.example.test/", "--show-secret"], { env });
    expect(insecure.stderr).toContain("must begin with https://");
    expect(insecure.code).toBe(2);
  });
});

describe("endpoints of the others", () => {
  it("registers, lists and deletes with KonPro", async () => {
    const api = await startFakeKonPro();
    onTestFinished(() => api.close());
    const { url: webhook } = await serveHeyGen();
    const konpro = (args: readonly string[]): Promise<Ended> =>
      runHere(["endpoints", "konpro", ...args, "--base-url", api.url, "--json"], { env: { KONPRO_API_KEY: api.apiKey } });
    const names = ["--events", "video.created,avatar_video.success"];
    const added = JSON.parse((await konpro(["add", webhook, "--show-secret", ...names])).stdout);
    expect(added.events).toEqual(["video.created", "avatar_video.success"]);
    expect(added).toMatchObject({ url: webhook, secret: expect.any(String) });
    const listed = await konpro(["list"]);
    expect(JSON.parse(listed.stdout)).toMatchObject([{ id: added.id }]);
    expect(listed.stdout).not.toContain(added.secret);
    expect((await konpro(["delete", added.id])).code).toBe(0);
    expect(JSON.parse((await konpro(["list"])).stdout)).toEqual([]);
  });

  it("says what a provider cannot do", async () => {
    expect((await runHere(["endpoints", "videopilot", "add", "https://app.example.test/"])).stderr).toContain(
      "VideoPilot has no API for endpoints.",
    );
    for (const command of ["list", "update", "delete", "event-types"]) {
      const { code, stderr } = await runHere(["endpoints", "kling", command, "x", "--json"]);
      expect(JSON.parse(stderr).error.message).toContain("Kling documents no API for endpoints");
      expect(code).toBe(2);
    }
    expect((await runHere(["endpoints", "kling", "--help"])).stdout).not.toMatch(/^ +(list|update)/m);
    const all = ["kling", "add", "https://app.example.test/", "--show-secret", "--events", "all"];
    expect((await runHere(["endpoints", ...all], { env: { KLING_API_KEY: "k" } })).stderr).toContain("no word for all events");
    for (const args of [
      ["konpro", "rotate", "ep_1"],
      ["kling", "list"],
      ["kling", "add", "https://app.example.test/", "--show-secret"],
    ]) {
      expect((await runHere(["endpoints", ...args])).code).toBe(2);
    }
  });
});

import { access, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type FakeHeyGen, startFakeHeyGen } from "../endpoints/fake-heygen.ts";
import { startFakeKonPro } from "../endpoints/fake-konpro.ts";
import { type Ended, normalised, runCli, runHere, temporaryFolder } from "./cli-process.ts";
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
    const added = JSON.parse((await konpro(["add", webhook, "--show-secret"])).stdout);
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
    for (const args of [
      ["konpro", "rotate", "ep_1"],
      ["kling", "list"],
      ["kling", "add", "https://app.example.test/", "--show-secret"],
    ]) {
      expect((await runHere(["endpoints", ...args])).code).toBe(2);
    }
  });
});

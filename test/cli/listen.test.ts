import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { sampleDelivery } from "../../src/testing/sample-delivery.ts";
import { tamper } from "../../src/testing/tamper.ts";
import { normalised, type Running, runCli, type Surroundings, startCli, temporaryFolder } from "./cli-process.ts";
import { secret, serve, serveHeyGen, unusedAddress } from "./receiver.ts";

const env = { HEYGEN_WEBHOOK_SECRET: secret };
const sample = sampleDelivery("heygen", "avatar_video.success", { secret, id: "v_1" });

async function startListening(args: readonly string[], surroundings: Surroundings = { env }): Promise<{ cli: Running; url: string }> {
  const cli = startCli(["listen", ...args, "--port", "0"], surroundings);
  return { cli, url: await cli.printed(/(http:\/\/127\.0\.0\.1:\d+\/[\w/]*)/) };
}

const post = (url: string, { headers, rawBody }: Pick<typeof sample, "headers" | "rawBody"> = sample): Promise<Response> =>
  fetch(url, { method: "POST", headers, body: new Uint8Array(rawBody) });

describe("listen", () => {
  it("prints a line for each delivery, explains a refusal, and stops when asked to", async () => {
    const { cli, url } = await startListening(["heygen"]);
    expect((await post(url)).status).toBe(200);
    expect((await post(url)).status).toBe(200);
    expect((await post(url, tamper(sample, "trailing_newline"))).status).toBe(401);
    expect((await post(url, tamper(sample, "unknown_type"))).status).toBe(200);
    expect((await post(url, tamper(sample, "invalid_payload"))).status).toBe(422);
    expect((await fetch(url, { method: "OPTIONS" })).status).toBe(204);
    cli.child.kill("SIGINT");
    const { code, stdout, stderr } = await cli.ended;
    expect(normalised(stdout)).toMatchInlineSnapshot(`
      "<clock>  avatar_video.success  video v_1 succeeded https://files.example.test/heygen/welcome-tour.mp4?expires=604800  processed 200  <n> ms
      <clock>  avatar_video.success  video v_1 succeeded https://files.example.test/heygen/welcome-tour.mp4?expires=604800  duplicate 200  <n> ms
      <clock>  461 bytes  unauthenticated 401  <n> ms
        proven: The signature holds over the body without the line break at its end.
          Nothing may add or trim line breaks. Verify the bytes that arrived: mount the route before any body parser (express.json() and the like), or read new Uint8Array(await request.arrayBuffer()).
      <clock>  sample.not_known  unknown 200  <n> ms
      <clock>  avatar_video.success  payload_invalid 422  <n> ms
        The authentic payload does not fit the schema of avatar_video.success: event_data: invalid_type. Look for a newer version of video-webhooks.
      <clock>  OPTIONS  validation 204  <n> ms
      "
    `);
    expect(normalised(stderr)).toMatchInlineSnapshot(`
      "Listening for heygen at http://127.0.0.1:<port>/. Ctrl+C stops.
      6 deliveries: 4 accepted, 2 refused or failed.
      "
    `);
    expect(code).toBe(0);
  });

  it("prints a JSON line for each delivery with --json, and where it listens first", async () => {
    const { cli, url } = await startListening(["heygen", "--json"]);
    await post(url);
    await post(url, tamper(sample, "wrong_secret"));
    cli.child.kill("SIGTERM");
    const { code, stdout, stderr } = await cli.ended;
    const lines = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines[0]).toEqual({ listening: url, provider: "heygen" });
    expect(lines[1]).toMatchObject({
      type: "avatar_video.success",
      result: "processed",
      status: 200,
      job: { id: "v_1", status: "succeeded" },
    });
    expect(lines[2]).toMatchObject({ result: "unauthenticated", status: 401, reason: "signature_mismatch", findings: [] });
    expect([code, stderr]).toEqual([0, ""]);
  });

  it("saves deliveries in files that only their owner can read, and explain reads", async () => {
    const folder = join(await temporaryFolder(), "deliveries");
    const { cli, url } = await startListening(["heygen", "--save", folder]);
    await post(url);
    await post(url, { ...sample, headers: { ...tamper(sample, "missing_signature").headers, authorization: "Bearer of-a-proxy" } });
    cli.child.kill("SIGINT");
    expect((await cli.ended).code).toBe(0);
    const files = (await readdir(folder)).sort();
    expect(files).toHaveLength(2);
    for (const file of files) expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
    expect((await runCli(["explain", join(folder, files[0] ?? "")], { env })).code).toBe(0);
    const { code, stdout } = await runCli(["explain", join(folder, files[1] ?? ""), "--json"], { env });
    expect(JSON.parse(stdout).findings[0]).toMatchObject({ code: "signature_missing" });
    expect(code).toBe(1);
    expect(await readFile(join(folder, files[1] ?? ""), "utf8")).not.toContain("of-a-proxy");
  });

  it("passes authentic deliveries on byte by byte, so that the next receiver can check them too", async () => {
    const { url: next, events } = await serveHeyGen();
    const { cli, url } = await startListening(["heygen", "--forward", next]);
    expect((await post(url)).status).toBe(200);
    expect((await post(url, tamper(sample, "body"))).status).toBe(401);
    cli.child.kill("SIGINT");
    expect((await cli.ended).stdout).toContain("passed on: 200");
    expect(events).toMatchObject([{ event_data: { video_id: "v_1" } }]);
  });

  it("asks the sender to come again when the next receiver fails, and passes the same event on again", async () => {
    const statuses = [500, 200];
    const next = await serve((request, response) => {
      request.resume();
      response.writeHead(statuses.shift() ?? 599).end();
    });
    const { cli, url } = await startListening(["heygen", "--forward", next]);
    expect((await post(url)).status).toBe(500);
    expect((await post(url)).status).toBe(200);
    cli.child.kill("SIGINT");
    expect((await cli.ended).stdout).toMatch(/passed on: 500[\s\S]*passed on: 200/);
    expect(statuses).toEqual([]);
  });

  it("says so when the next receiver does not listen", async () => {
    const { cli, url } = await startListening(["heygen", "--forward", await unusedAddress()]);
    expect((await post(url)).status).toBe(500);
    cli.child.kill("SIGINT");
    expect((await cli.ended).stdout).toContain("passed on: nothing listens there (ECONNREFUSED)");
  });

  it("passes nothing on to another machine", async () => {
    for (const to of ["https://example.test/", "http://127.0.0.1.example.test/", "http://[::2]/"]) {
      const { code, stderr } = await runCli(["listen", "heygen", "--forward", to], { env });
      expect(stderr).toContain("--forward passes deliveries on within this machine");
      expect(code).toBe(2);
    }
  });

  it("answers only below its path", async () => {
    const { cli, url } = await startListening(["heygen", "--path", "/hooks"]);
    expect(url).toMatch(/\/hooks$/);
    expect((await post(url)).status).toBe(200);
    expect((await post(`${url}/heygen?a=1`)).status).toBe(200);
    expect((await post(url.replace("/hooks", "/hooksy"))).status).toBe(404);
    expect((await post(url.replace("/hooks", "/"))).status).toBe(404);
    cli.child.kill("SIGINT");
    expect((await cli.ended).stderr).toContain("is outside of /hooks: 404");
  });

  it("accepts everything only with --unsigned, and says what that means", async () => {
    expect((await runCli(["listen", "konpro"])).code).toBe(2);
    const { cli, url } = await startListening(["konpro", "--unsigned"], {});
    const unsigned = sampleDelivery("konpro", "avatar_video.success");
    expect((await post(url, unsigned)).status).toBe(200);
    cli.child.kill("SIGINT");
    expect((await cli.ended).stderr).toContain("warning: with --unsigned every delivery is accepted");
  });

  it("shows no text of a delivery that could steer the terminal, and no token", async () => {
    const { cli, url } = await startListening(["konpro", "--json"], { env: { KONPRO_WEBHOOK_TOKEN: "an-unguessable-token" } });
    const evil = sampleDelivery("konpro", "avatar_video.success", { id: "v\u001b]0;evil\u0007\u009b2J" });
    await post(`${url}?token=an-unguessable-token`, evil);
    cli.child.kill("SIGINT");
    const { stdout, stderr } = await cli.ended;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(stdout).toContain('"result":"processed"');
    expect(stdout + stderr).not.toContain("an-unguessable-token");
  });

  it("takes several secrets while one is replaced, and the header of its endpoint", async () => {
    const folder = await temporaryFolder();
    const [current, next] = [join(folder, "current"), join(folder, "next")];
    await writeFile(current, "whsec_of-the-next-one");
    await writeFile(next, secret);
    const { cli, url } = await startListening(["heygen", "--header", "x-mine", "--secret-file", current, "--secret-file", next], {});
    for (const each of [secret, "whsec_of-the-next-one"]) {
      expect((await post(url, sampleDelivery("heygen", "avatar_video.success", { secret: each, header: "x-mine" }))).status).toBe(200);
    }
    expect((await post(url)).status).toBe(401);
    cli.child.kill("SIGINT");
    expect((await cli.ended).stdout).toMatch(/processed 200[\s\S]*unauthenticated 401/);
  });

  it("takes the scheme that an endpoint of Kling has", async () => {
    const klingSecret = "whsec_c2FtcGxlLXNlY3JldC1vZi10aGUtdGVzdHM=";
    const { cli, url } = await startListening(["kling", "--scheme", "hex"], { env: { KLING_WEBHOOK_SECRET: klingSecret } });
    const [hex, standard] = (["hex", "standard-webhooks"] as const).map((scheme) =>
      sampleDelivery("kling", "task.succeeded", { secret: klingSecret, scheme }),
    );
    expect((await post(url, hex)).status).toBe(200);
    expect((await post(url, standard)).status).toBe(401);
    cli.child.kill("SIGINT");
    await cli.ended;
  });

  it("ends with 3 when the port is taken", async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as AddressInfo;
    const { code, stderr } = await runCli(["listen", "heygen", "--port", String(port)], { env });
    expect(stderr).toBe(
      `error: Cannot listen on port ${port}: the port is taken (EADDRINUSE). Choose another with --port, or 0 for any.\n`,
    );
    expect(code).toBe(3);
  });

  it("ends with 2 for a secret that no endpoint could have", async () => {
    const { code, stderr } = await runCli(["listen", "heygen"], { env: { HEYGEN_WEBHOOK_SECRET: "padded-secret-value " } });
    expect(stderr).toContain("starts or ends with white space");
    expect(stderr).not.toContain("padded-secret-value");
    expect(code).toBe(2);
  });
});

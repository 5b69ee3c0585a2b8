import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { normalised, runCli, runHere, temporaryFolder } from "./cli-process.ts";
import { secret, unusedAddress } from "./receiver.ts";

const env = { HEYGEN_WEBHOOK_SECRET: secret };

/** A delivery that `send` has saved, changed by a test. */
async function saved(change: (document: Record<string, string>) => void = () => undefined): Promise<string> {
  const file = join(await temporaryFolder(), "delivery.json");
  const args = ["send", "heygen", "avatar_video.success", "--to", `${await unusedAddress()}/hook`, "--save", file];
  await runHere(args, { env });
  const document = JSON.parse(await readFile(file, "utf8")) as Record<string, string>;
  change(document);
  await writeFile(file, JSON.stringify(document));
  return file;
}

describe("explain", () => {
  it("says that a delivery is authentic, and ends with 0", async () => {
    const { code, stdout, stderr } = await runCli(["explain", await saved()], { env });
    expect(stdout).toMatch(/^authentic: /);
    expect([code, stderr]).toEqual([0, ""]);
  });

  it("names the cause and the fix, and ends with 1", async () => {
    const file = await saved((document) => {
      document.body += "\n";
    });
    const { code, stdout } = await runCli(["explain", file], { env });
    expect(normalised(stdout)).toMatchInlineSnapshot(`
      "not authentic: The delivery is not authentic (signature_mismatch). The cause: The signature holds over the body without the line break at its end.

      1. proven  The signature holds over the body without the line break at its end.
         fix: Nothing may add or trim line breaks. Verify the bytes that arrived: mount the route before any body parser (express.json() and the like), or read new Uint8Array(await request.arrayBuffer()).
         body_trailing_newline
      "
    `);
    expect(code).toBe(1);
  });

  it("reads a delivery from stdin, and prints one JSON document with --json", async () => {
    const input = await readFile(await saved(), "utf8");
    const { code, stdout } = await runCli(["explain", "--provider", "heygen", "--json"], { env, input });
    expect(JSON.parse(stdout)).toMatchObject({ provider: "heygen", authentic: true, findings: [] });
    expect(code).toBe(0);
  });

  it("finds a wrong secret of another endpoint, and prints neither", async () => {
    const other = "whsec_of-another-endpoint";
    const folder = await temporaryFolder();
    await writeFile(join(folder, "ours.secret"), `${secret}\n`);
    const args = ["explain", await saved(), "--other-secret-file", join(folder, "ours.secret"), "--json"];
    const { code, stdout, stderr } = await runHere(args, { env: { HEYGEN_WEBHOOK_SECRET: other } });
    expect(JSON.parse(stdout).findings[0]).toMatchObject({ code: "secret_other_endpoint", certainty: "proven" });
    expect(stdout).toContain("ours.secret");
    expect(stdout + stderr).not.toContain(secret);
    expect(stdout + stderr).not.toContain(other);
    expect(code).toBe(1);
  });

  it("tells files of one name apart, which hold the secrets of several endpoints", async () => {
    const folder = await temporaryFolder();
    const files = ["staging", "production"].map((name) => join(folder, name, "webhook.secret"));
    const others: string[] = [];
    for (const [index, file] of files.entries()) {
      await mkdir(dirname(file));
      await writeFile(file, index === 0 ? secret : "whsec_of-production");
      others.push("--other-secret-file", file);
    }
    const { stdout } = await runHere(["explain", await saved(), ...others], { env: { HEYGEN_WEBHOOK_SECRET: "whsec_of-nobody" } });
    expect(stdout).toContain(files[0]);
    expect(stdout).not.toContain(files[1]);
  });

  it("takes several secrets, a header and a scheme, as an endpoint may have them", async () => {
    const folder = await temporaryFolder();
    const [current, next, delivery] = [join(folder, "current"), join(folder, "next"), join(folder, "delivery.json")];
    await writeFile(current, "whsec_of-the-next-one");
    await writeFile(next, secret);
    const files = ["--secret-file", current, "--secret-file", next];
    expect((await runHere(["explain", await saved(), ...files])).code).toBe(0);
    expect((await runHere(["explain", await saved(), "--secret-file", current])).code).toBe(1);

    const to = ["--to", await unusedAddress(), "--save", delivery];
    await runHere(["send", "heygen", "avatar_video.success", "--header", "x-mine", ...to], { env });
    expect((await runHere(["explain", delivery, "--header", "x-mine"], { env })).code).toBe(0);
    expect((await runHere(["explain", delivery], { env })).code).toBe(1);
    const kling = { KLING_WEBHOOK_SECRET: "whsec_c2FtcGxlLXNlY3JldC1vZi10aGUtdGVzdHM=" };
    await runHere(["send", "kling", "task.succeeded", "--scheme", "hex", ...to], { env: kling });
    expect((await runHere(["explain", delivery, "--scheme", "hex"], { env: kling })).code).toBe(0);
    expect((await runHere(["explain", delivery], { env: kling })).code).toBe(1);
  });

  it("finds white space in a secret of the environment, which the receiver would refuse", async () => {
    const { code, stdout } = await runHere(["explain", await saved(), "--json"], { env: { HEYGEN_WEBHOOK_SECRET: ` ${secret}` } });
    expect(JSON.parse(stdout).findings[0]).toMatchObject({ code: "secret_white_space" });
    expect(code).toBe(1);
  });

  it("leaves out one line break at the end of a secret's file, and no more", async () => {
    const folder = await temporaryFolder();
    const [one, two] = [join(folder, "one"), join(folder, "two")];
    await writeFile(one, `${secret}\r\n`);
    await writeFile(two, `${secret}\n\n`);
    const file = await saved();
    expect((await runHere(["explain", file, "--secret-file", one])).code).toBe(0);
    expect((await runHere(["explain", file, "--secret-file", two])).code).toBe(1);
  });

  it("judges a signed time by when the delivery was received", async () => {
    const file = join(await temporaryFolder(), "kling.json");
    const kling = { KLING_WEBHOOK_SECRET: "whsec_c2FtcGxlLXNlY3JldC1vZi10aGUtdGVzdHM=" };
    await runHere(["send", "kling", "task.succeeded", "--to", await unusedAddress(), "--save", file], { env: kling });
    const document = JSON.parse(await readFile(file, "utf8"));
    expect((await runHere(["explain", file], { env: kling })).code).toBe(0);
    await writeFile(file, JSON.stringify({ ...document, receivedAt: new Date(Date.parse(document.receivedAt) + 3_600_000) }));
    const late = await runHere(["explain", file, "--json"], { env: kling });
    expect(JSON.parse(late.stdout).findings[0]).toMatchObject({ code: "timestamp_too_old" });
    expect(late.code).toBe(1);
  });

  it("takes a body that is bytes, and one that a parser has been at", async () => {
    const bytes = await saved((document) => {
      document.bodyBase64 = Buffer.from(document.body ?? "").toString("base64");
      delete document.body;
    });
    expect((await runHere(["explain", bytes], { env })).code).toBe(0);
    const parsed = await saved((document) => {
      document.body = JSON.parse(document.body ?? "");
    });
    const { code, stdout } = await runHere(["explain", parsed, "--json"], { env });
    expect(JSON.parse(stdout).findings[0]).toMatchObject({ code: "body_already_parsed" });
    expect(code).toBe(1);
  });

  it.each([
    ["no JSON", "{ not json with-a-marker", /is not JSON/],
    ["a list", "[]", /is a JSON object/],
    ["without a body", '{ "headers": {} }', /"body" or "bodyBase64"/],
    ["with two bodies", '{ "headers": {}, "body": "", "bodyBase64": "" }', /"body" or "bodyBase64"/],
    ["with headers that are no object", '{ "headers": [], "body": "" }', /"headers"/],
    ["of nobody", '{ "headers": {}, "body": "" }', /Whose delivery/],
  ])("ends with 2 for a file that is %s", async (_what, input, message) => {
    const { code, stdout, stderr } = await runHere(["explain", "-"], { env, input });
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain("with-a-marker");
    expect([code, stdout]).toEqual([2, ""]);
  });

  it("ends with 3 for a file that is not there", async () => {
    const { code, stderr } = await runCli(["explain", "nowhere.json"], { env });
    expect(stderr).toBe("error: Cannot read the file nowhere.json: there is no such file or folder (ENOENT).\n");
    expect(code).toBe(3);
  });

  it("ends with 2 without a secret", async () => {
    const { code, stderr } = await runHere(["explain", await saved()]);
    expect(stderr).toContain("Set HEYGEN_WEBHOOK_SECRET, or name a file with --secret-file.");
    expect(code).toBe(2);
  });
});

import { access, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { heygenEvents } from "../../src/providers/heygen.ts";
import { klingEvents } from "../../src/providers/kling.ts";
import { sampleProviders } from "../../src/testing/index.ts";
import { normalised, runCli, runHere, runInShell, temporaryFolder } from "./cli-process.ts";

describe("samples", () => {
  it("lists every event of a provider with its variants", async () => {
    const { code, stdout } = await runCli(["samples", "kling"]);
    expect(stdout).toMatchInlineSnapshot(`
      "provider  event             variants
      kling     video.created     default, signature
      kling     video.processing  default, signature
      kling     video.completed   default, signature
      kling     video.failed      default, signature
      kling     video.cancelled   default, signature
      kling     task.submitted    default, legacy, console
      kling     task.processing   default, legacy
      kling     task.succeeded    default, legacy, images, legacy_images, audio, voice, element, legacy_balance, legacy_extended, legacy_audios
      kling     task.failed       default, legacy
      "
    `);
    expect(code).toBe(0);
  });

  it("lists those of all providers as JSON", async () => {
    const { stdout } = await runCli(["samples", "--json"]);
    const found = JSON.parse(stdout) as readonly { readonly provider: string; readonly type: string }[];
    expect(
      found
        .filter(({ provider }) => provider === "heygen")
        .map(({ type }) => type)
        .sort(),
    ).toEqual(Object.keys(heygenEvents).sort());
    expect(new Set(found.map(({ provider }) => provider))).toEqual(new Set(sampleProviders));
  });

  it("prints a payload that the schema takes", async () => {
    const { code, stdout } = await runCli([
      "samples",
      "kling",
      "task.succeeded",
      "--id",
      "task_7",
      "--set",
      "outputs.0.url=https://x.example.test/",
    ]);
    const event = klingEvents["task.succeeded"].parse(JSON.parse(stdout));
    expect(event).toMatchObject({ id: "task_7", outputs: [{ url: "https://x.example.test/" }] });
    expect(code).toBe(0);
  });

  it("writes a payload to a file, whole", async () => {
    const folder = await temporaryFolder();
    const file = join(folder, "payload.json");
    const { code, stdout } = await runCli(["samples", "heygen", "avatar_video.success", "--out", file]);
    expect(stdout).toBe(`${file} was written\n`);
    expect(code).toBe(0);
    heygenEvents["avatar_video.success"].parse(JSON.parse(await readFile(file, "utf8")));
    expect(await readdir(folder)).toEqual(["payload.json"]);
  });

  it("writes every event and variant to a folder", async () => {
    const folder = await temporaryFolder();
    const { code } = await runCli(["samples", "kling", "--all", "--out", folder]);
    expect(code).toBe(0);
    expect(await readdir(join(folder, "kling"))).toEqual(expect.arrayContaining(["task.succeeded.json", "task.succeeded.legacy.json"]));
  });

  it("ends with 3 on a full disk, and says so", async () => {
    const { code, stdout, stderr } = await runCli(["samples", "heygen", "avatar_video.success", "--out", "/dev/full"]);
    expect(stderr).toBe("error: Cannot write /dev/full: the disk is full (ENOSPC).\n");
    expect([code, stdout]).toEqual([3, ""]);
    await access("/dev/full");
  });

  it("leaves no part of a file behind that could not be written whole", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "old.json"), "old");
    // No file may have a byte, as on a disk without room for one.
    const script = 'trap "" XFSZ; ulimit -f 0; exec "$0" "$@"';
    for (const name of ["new.json", "old.json"]) {
      const { code, stderr } = await runInShell(script, ["samples", "heygen", "avatar_video.success", "--out", join(folder, name)]);
      expect(stderr).toMatch(/^error: Cannot write .*: it would be larger than files may be \(EFBIG\)\.\n$/);
      expect(code).toBe(3);
    }
    expect(await readdir(folder)).toEqual(["old.json"]);
    expect(await readFile(join(folder, "old.json"), "utf8")).toBe("old");
  });

  it("ends with 3 when stdout is on a full disk", async () => {
    const { code, stderr } = await runInShell('"$0" "$@" > /dev/full', ["samples"]);
    expect(stderr).toBe("error: Cannot write to the standard output: the disk is full (ENOSPC).\n");
    expect(code).toBe(3);
  });

  it("ends quietly when nobody reads on", async () => {
    // By the time there is something to read, the reader is gone.
    expect(await runInShell('set -o pipefail; "$0" "$@" | true', ["samples"])).toMatchObject({ code: 0, stderr: "" });
  });

  it("leaves what was there when a file cannot be written, and nothing else", async () => {
    const folder = await temporaryFolder();
    const closed = join(folder, "closed");
    await mkdir(closed);
    await writeFile(join(closed, "old.json"), "old");
    const target = join(folder, "missing", "x.json");
    const { code, stderr } = await runCli(["samples", "heygen", "avatar_video.success", "--out", target]);
    expect(normalised(stderr)).toBe(`error: Cannot write ${target}: there is no such file or folder (ENOENT).\n`);
    expect(code).toBe(3);
    const onFolder = await runCli(["samples", "heygen", "avatar_video.success", "--out", closed]);
    expect(onFolder.stderr).toContain("it is a folder (EISDIR)");
    expect(onFolder.code).toBe(3);
    expect(await readdir(closed)).toEqual(["old.json"]);
  });

  it("writes through a symbolic link instead of replacing it", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "real.json"), "old");
    await symlink("real.json", join(folder, "link.json"));
    await runCli(["samples", "heygen", "avatar_video.success", "--out", join(folder, "link.json")]);
    expect(await readFile(join(folder, "real.json"), "utf8")).toContain("avatar_video.success");
  });

  it.each([
    [["samples", "heygn"], 'error: There is no provider "heygn". Did you mean heygen?'],
    [["samples", "heygen", "avatar_video.sucess"], "Did you mean avatar_video.success"],
    [["samples", "kling", "task.failed", "--variant", "old"], 'task.failed has no variant "old". There is: default, legacy.'],
    [["samples", "kling", "--out", "x.json"], "--out needs an event, or --all."],
    [["samples", "--all"], "--all writes files. Say where: --out folder."],
    [["samples", "kling", "task.failed", "--set", "message"], "--set takes a path and a value"],
    [["samples", "kling", "task.failed", "--set", "__proto__.x=1"], "--set cannot change __proto__."],
    [["samples", "kling", "task.failed", "--set", "message.text=1"], "--set message.text: message has no fields."],
  ])("ends with 2 for wrong usage: %j", async (args, message) => {
    const { code, stdout, stderr } = await runHere(args);
    expect(stderr).toContain(message);
    expect([code, stdout]).toEqual([2, ""]);
  });

  it("does not repeat what may be a secret in the place of an event", async () => {
    const { code, stderr } = await runHere(["samples", "heygen", "whsec_in-the-wrong-place"]);
    expect([code, stderr.includes("whsec_")]).toEqual([2, false]);
    expect(stderr).toContain("heygen has no event of that name.");
  });
});

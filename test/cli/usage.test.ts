import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { normalised, runCli, runHere, temporaryFolder } from "./cli-process.ts";
import { unusedAddress } from "./receiver.ts";

const commands = [
  [],
  ["send"],
  ["explain"],
  ["samples"],
  ["listen"],
  ["inbox"],
  ...["stats", "list", "show", "replay", "discard", "prune"].map((name) => ["inbox", name]),
  ["endpoints"],
  ...["heygen", "konpro", "kling"].map((name) => ["endpoints", name]),
  ...["add", "list", "update", "delete", "rotate", "events", "event-types"].map((name) => ["endpoints", "heygen", name]),
  ...["add", "list", "update", "delete", "event-types"].map((name) => ["endpoints", "konpro", name]),
  ["endpoints", "kling", "add"],
];

describe("the command line", () => {
  it("prints help on stdout, and ends with 0", async () => {
    const { code, stdout, stderr } = await runCli(["--help"]);
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: video-webhooks [options] [command]

      Receive webhooks from AI-video providers: try out a receiver, see why a signature does not match,
      look after an inbox.

      Options:
        -V, --version                         print the version
        -h, --help                            print help for a command

      Commands:
        listen [options] <provider>           receive deliveries on 127.0.0.1, check them, and print a
                                              line for each
        send [options] <provider> [event]     sign a sample as the provider does, deliver it, and show the
                                              answer
        explain [options] [file]              say why the signature of a saved delivery does not match
        samples [options] [provider] [event]  list the events that can be sent, or print the payload of
                                              one
        endpoints                             register, list, change and delete endpoints by the API of a
                                              provider
        inbox                                 look at the events of an inbox, and handle them again or not
                                              at all
        help [command]                        display help for command

      Examples:
        $ video-webhooks listen heygen --port 3000
        $ video-webhooks send heygen avatar_video.success --to http://localhost:3000/webhooks/heygen
        $ video-webhooks explain delivery.json --provider heygen
        $ video-webhooks inbox stats --db webhooks.db

      Exit codes:
        0  it worked
        1  what was asked about failed: not a 2xx answer, not authentic, not found, refused
        2  the command was used wrongly
        3  something could not be reached, opened or written: network, file, database, full disk
      "
    `);
    expect([code, stderr]).toEqual([0, ""]);
  });

  it.each(commands)("has examples and exit codes in its help, and no line that is too wide for them: %s %s %s", async (...command) => {
    const { code, stdout } = await runHere([...command, "--help"]);
    expect(stdout).toContain("\nExamples:\n  $ video-webhooks ");
    expect(stdout).toContain("\nExit codes:\n  0  ");
    for (const line of stdout.split("\n").filter((each) => !each.startsWith("  $ "))) expect(line.length, line).toBeLessThanOrEqual(100);
    expect(code).toBe(0);
  });

  it.each(commands.filter((command) => command.length > 1 || !["", "inbox", "endpoints"].includes(command[0] ?? "")))(
    "takes --json: %s %s %s",
    async (...command) => {
      const { stdout } = await runHere([...command, "--help"]);
      if (!stdout.includes("\nCommands:\n")) expect(stdout).toContain("--json");
    },
  );

  it("prints the version of the package", async () => {
    const { version } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
    expect(await runCli(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });

  it("prints help on stderr where a command is missing, and ends with 2", async () => {
    for (const command of [[], ["inbox"], ["endpoints", "heygen"]]) {
      const { code, stdout, stderr } = await runCli(command);
      expect(stderr).toContain("Usage: video-webhooks");
      expect([code, stdout]).toEqual([2, ""]);
    }
  });

  it.each([
    [["sned"], "error: Unknown command 'sned' (Did you mean send?) Add --help to see how it is used.\n"],
    [["listen", "heygen", "--prot", "1"], "error: Unknown option '--prot' (Did you mean --port?) Add --help to see how it is used.\n"],
    [["send", "heygen", "avatar_video.success"], "error: Required option '--to <url>' not specified. Add --help to see how it is used.\n"],
    [["send", "heygen", "x", "--to", "localhost:3000"], "It must be a URL such as http://localhost:3000/webhooks/heygen."],
    [["send", "heygen", "x", "--to", "http://x", "--repeat", "100001"], "It must be a whole number from 1 to 100000."],
    [["send", "heygen", "x", "--to", "http://x", "--concurrency", "257"], "It must be a whole number from 1 to 256."],
    [["send", "heygen", "x", "--to", "http://x", "--repeat", "1e3"], "It must be a whole number"],
    [["send", "heygen", "x", "--to", "http://x", "--tamper", "gently"], "Allowed choices are body, signature,"],
    [["send", "heigen", "x", "--to", "http://x"], 'There is no provider "heigen". Did you mean heygen?'],
    [["send", "heygen", "avatar_video.succes", "--to", "http://x"], "Did you mean avatar_video.success"],
    [["send", "heygen", "--to", "http://x"], 'Which event? "video-webhooks samples heygen" lists them.'],
    [
      ["send", "heygen", "avatar_video.success", "--to", "http://x", "--unsigned", "--secret-file", "f"],
      "--unsigned does without a secret",
    ],
    [["listen", "heygen", "--port", "65536"], "It must be a whole number from 0 to 65535."],
    [["listen", "heygen", "extra"], "Too many arguments"],
  ])("ends with 2 for wrong usage: %j", async (args, message) => {
    const { code, stdout, stderr } = await runHere(args, { env: { HEYGEN_WEBHOOK_SECRET: "a-secret" } });
    expect(stderr).toContain(message);
    expect([code, stdout]).toEqual([2, ""]);
  });

  it("does so as a process, too", async () => {
    const { code, stdout, stderr } = await runCli(["sned"]);
    expect(stderr).toBe("error: Unknown command 'sned' (Did you mean send?) Add --help to see how it is used.\n");
    expect([code, stdout]).toEqual([2, ""]);
  });

  it("prints errors as JSON with --json", async () => {
    const { code, stdout, stderr } = await runCli(["send", "heygn", "x", "--to", "http://x", "--json"]);
    expect(JSON.parse(stderr)).toEqual({ error: { code: "usage", message: expect.stringContaining("Did you mean heygen?") } });
    expect([code, stdout]).toEqual([2, ""]);
  });

  it.each([
    ["--secret", "marker-of-a-secret"],
    ["--secret=marker-of-a-secret"],
    ["--token", "marker-of-a-secret"],
    ["--api-key=marker-of-a-secret"],
    ["--secert=marker-of-a-secret"],
  ])("takes no secret as an argument, and does not repeat one: %s %s", async (...args) => {
    const { code, stdout, stderr } = await runHere(["send", "heygen", "avatar_video.success", "--to", "http://x", ...args]);
    expect(stderr).toMatch(/There is no --(secret|token|api-key): arguments are seen by every user|Unknown option '--secert'/);
    expect(stdout + stderr).not.toContain("marker-of-a-secret");
    expect(code).toBe(2);
  });

  it("repeats no secret that came by an environment variable or a file", async () => {
    const file = `${await temporaryFolder()}/secret`;
    const { code, stderr } = await runHere(["listen", "heygen", "--secret-file", file]);
    expect(normalised(stderr)).toContain("there is no such file or folder (ENOENT)");
    expect(code).toBe(3);
    const blank = await runHere(["listen", "heygen", "--secret-file", "/dev/null"]);
    expect(blank.stderr).toBe("error: The file /dev/null has nothing in it but white space.\n");
    expect(blank.code).toBe(2);
  });

  it.each([
    ["listen", "heygen", "--secret-file", "whsec_bWFya2VyL29mL2Etc2VjcmV0"],
    ["send", "heygen", "avatar_video.success", "--to", "http://127.0.0.1:1", "--secret-file", "marker-of-a-secret"],
    ["send", "heygen", "avatar_video.success", "--to", "http://127.0.0.1:1", "--token-file", "marker-of-a-secret"],
    ["endpoints", "heygen", "list", "--api-key-file", "sk_V2_marker-of-a-secret"],
  ])("does not repeat a secret that was given for the file that it should be in: %s %s %s", async (...args) => {
    for (const form of [[], ["--json"]]) {
      const { code, stdout, stderr } = await runHere([...args, ...form], { env: { HEYGEN_WEBHOOK_SECRET: "another-secret" } });
      expect(stderr).toContain("Is that the secret itself?");
      expect(stdout + stderr).not.toContain(args.at(-1));
      expect(code).toBe(3);
    }
  });

  it("writes no colours into a pipe, and none where NO_COLOR is set", async () => {
    const address = await unusedAddress();
    const args = ["send", "heygen", "avatar_video.success", "--to", address, "--unsigned"];
    expect((await runCli(args)).stderr).toMatch(/^error: /);
    expect((await runCli(args, { env: { FORCE_COLOR: "1" } })).stderr).toContain("\u001b[31merror:\u001b[39m");
    expect((await runCli(args, { env: { NO_COLOR: "1" } })).stderr).toMatch(/^error: /);
  });
});

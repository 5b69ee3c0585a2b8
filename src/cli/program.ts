import { Command } from "commander";
import { declareEndpoints } from "./commands/endpoints.ts";
import { declareExplain } from "./commands/explain.ts";
import { declareInbox } from "./commands/inbox.ts";
import { declareListen } from "./commands/listen.ts";
import { declareSamples } from "./commands/samples.ts";
import { declareSend } from "./commands/send.ts";
import { addJson, EXIT_HELP, examples } from "./declare.ts";
import type { CliIo } from "./io.ts";
import type { Shell } from "./session.ts";
import { packageVersion } from "./version.ts";

/** Declares every command. What they do is loaded when one is used. */
export function createProgram(shell: Shell, io: CliIo): Command {
  const program = new Command("video-webhooks")
    .description("Receive webhooks from AI-video providers: try out a receiver, see why a signature does not match, look after an inbox.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "print help for a command")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      // Errors are written in one place, where nothing secret gets through.
      outputError: () => undefined,
      getOutHelpWidth: () => 100,
      getErrHelpWidth: () => 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText(
      "after",
      `${examples(
        "listen heygen --port 3000",
        "send heygen avatar_video.success --to http://localhost:3000/webhooks/heygen",
        "explain delivery.json --provider heygen",
        "inbox stats --db webhooks.db",
      )}\n${EXIT_HELP}`,
    );
  for (const declare of [declareListen, declareSend, declareExplain, declareSamples, declareEndpoints, declareInbox])
    declare(program, shell);
  addJson(program);
  return program;
}

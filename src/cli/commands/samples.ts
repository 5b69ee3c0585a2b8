import type { Command } from "commander";
import { EXIT_HELP, examples } from "../declare.ts";
import { collect, providerName } from "../parse.ts";
import type { ProviderName } from "../providers.ts";
import type { Shell } from "../session.ts";

/** Options of `samples`. */
export interface SamplesOptions {
  readonly variant?: string;
  readonly id?: string;
  readonly set?: readonly string[];
  readonly all?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

/** Declares `samples`. */
export function declareSamples(program: Command, shell: Shell): void {
  program
    .command("samples")
    .description("list the events that can be sent, or print the payload of one")
    .argument("[provider]", "konpro, heygen, videopilot or kling; all of them if left out", providerName)
    .argument("[event]", "the type of an event")
    .option("--variant <name>", "one of the forms in which the provider sends it")
    .option("--id <id>", "the id of the video or task")
    .option("--set <path=value>", "change a field, such as event_data.title=Test; repeatable", collect)
    .option("--out <file>", "write to a file, or with --all to a folder")
    .option("--all", "every event and variant, each in a file of its own")
    .addHelpText(
      "after",
      `${examples(
        "samples",
        "samples heygen",
        "samples heygen avatar_video.success",
        "samples kling task.succeeded --id task_1 --out payload.json",
        "samples videopilot --all --out ./payloads",
      )}
${EXIT_HELP}`,
    )
    .action(async (provider: ProviderName | undefined, event: string | undefined, options: SamplesOptions) => {
      const { samples } = await import("../actions/samples.ts");
      await shell.perform(options, (session) => samples(session, provider, event, options));
    });
}

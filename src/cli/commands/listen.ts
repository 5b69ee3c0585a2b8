import { type Command, Option } from "commander";
import { EXIT_HELP, examples, SECRET_HELP } from "../declare.ts";
import { collect, headerName, httpUrl, providerName, wholeNumber } from "../parse.ts";
import type { ProviderName } from "../providers.ts";
import type { SecretOptions } from "../secrets.ts";
import type { Shell } from "../session.ts";

/** Options of `listen`. */
export interface ListenOptions extends SecretOptions<readonly string[]> {
  readonly port: number;
  readonly path: string;
  readonly forward?: URL;
  readonly save?: string;
  readonly json?: boolean;
}

/** Declares `listen`. */
export function declareListen(program: Command, shell: Shell): void {
  program
    .command("listen")
    .description("receive deliveries on 127.0.0.1, check them, and print a line for each")
    .argument("<provider>", "whose deliveries: konpro, heygen, videopilot or kling", providerName)
    .option("--port <number>", "0 for any that is free", wholeNumber(0, 65_535), 3000)
    .option("--path <path>", "only this path and those below it", "/")
    .option("--forward <url>", "pass authentic deliveries on, byte by byte, to a receiver on this machine", httpUrl)
    .option("--save <folder>", "keep every delivery in a file of its own, which only you can read")
    .option("--secret-file <file>", "the secret of the endpoint; repeatable while it is replaced", collect)
    .option("--token-file <file>", "the token that the URL has to carry")
    .option("--header <name>", "the signature is in this header", headerName)
    .addOption(new Option("--scheme <name>", "how Kling signs (default: by the form of the secret)").choices(["standard-webhooks", "hex"]))
    .option("--unsigned", "accept every delivery without a check")
    .addHelpText(
      "after",
      `
Ctrl+C stops it. To reach it from a provider, start a tunnel to the port. Refused deliveries are
explained; the sender gets the same fixed answer for all of them. With --forward the sender gets a
2xx only if the other receiver gave one.
${examples(
  "listen heygen",
  "listen kling --port 4000 --path /webhooks/kling --save ./deliveries",
  "listen konpro --unsigned --forward http://localhost:3000/webhooks/konpro",
)}
${SECRET_HELP}
${EXIT_HELP}`,
    )
    .action(async (provider: ProviderName, options: ListenOptions) => {
      const { listen } = await import("../actions/listen.ts");
      await shell.perform(options, (session) => listen(session, provider, options));
    });
}

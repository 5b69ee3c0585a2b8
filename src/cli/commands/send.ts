import { type Command, Option } from "commander";
import type { Tampering } from "../../testing/tamper.ts";
import { EXIT_HELP, examples, SECRET_HELP } from "../declare.ts";
import { collect, headerName, httpUrl, providerName, wholeNumber } from "../parse.ts";
import type { ProviderName } from "../providers.ts";
import type { SecretOptions } from "../secrets.ts";
import type { Shell } from "../session.ts";
import { tamperings } from "../tamperings.ts";

/** Options of `send`. */
export interface SendOptions extends SecretOptions<string> {
  readonly to: URL;
  readonly variant?: string;
  readonly id?: string;
  readonly set?: readonly string[];
  readonly body?: string;
  readonly tamper?: Tampering;
  readonly repeat: number;
  readonly concurrency: number;
  readonly timeout?: number;
  readonly save?: string;
  readonly json?: boolean;
}

/** Declares `send`. */
export function declareSend(program: Command, shell: Shell): void {
  program
    .command("send")
    .description("sign a sample as the provider does, deliver it, and show the answer")
    .argument("<provider>", "konpro, heygen, videopilot or kling", providerName)
    .argument("[event]", 'the type of an event; "samples" lists them. Not needed with --body')
    .requiredOption("--to <url>", "where your receiver is", httpUrl)
    .option("--variant <name>", "one of the forms in which the provider sends it")
    .option("--id <id>", "the id of the video or task; {n} is the number of the delivery")
    .option("--set <path=value>", "change a field, such as event_data.title=Test; repeatable, and {n} likewise", collect)
    .option("--body <file>", 'send these bytes instead of a sample; "-" for stdin')
    .addOption(new Option("--tamper <how>", "spoil the delivery, to see that the receiver notices").choices([...tamperings]))
    .option("--repeat <number>", "how many deliveries", wholeNumber(1, 100_000), 1)
    .option("--concurrency <number>", "how many at once", wholeNumber(1, 256), 1)
    .option("--timeout <milliseconds>", "how long to wait for an answer (default: as long as the provider)", wholeNumber(1, 600_000))
    .option("--save <file>", 'keep the delivery for "explain"; of several the first')
    .option("--secret-file <file>", "the secret to sign with")
    .option("--token-file <file>", "the token to put into the URL")
    .option("--header <name>", "put the signature into this header", headerName)
    .addOption(new Option("--scheme <name>", "how Kling signs (default: by the form of the secret)").choices(["standard-webhooks", "hex"]))
    .option("--unsigned", "do not sign, as a provider does that has no secret")
    .addHelpText(
      "after",
      `
It ends with 0 when every answer is 2xx, with 1 when one is not, and with 3 when one did not come.
So it ends with 1 where a receiver refuses what --tamper has spoiled. Redirects are not followed.
Repeated deliveries are of the same event, unless --id gives each an id of its own. A value of
--set is read as JSON if it is JSON, else as text.
${examples(
  "send heygen avatar_video.success --to http://localhost:3000/webhooks/heygen",
  "send videopilot render.completed --to http://localhost:3000/webhooks --tamper body",
  "send heygen avatar_video.success --to http://localhost:3000/ --id v_{n} --repeat 1000 --concurrency 16",
  "send kling --body payload.json --to http://localhost:3000/ --save delivery.json",
)}
${SECRET_HELP}
${EXIT_HELP}`,
    )
    .action(async (provider: ProviderName, event: string | undefined, options: SendOptions) => {
      const { send } = await import("../actions/send.ts");
      await shell.perform(options, (session) => send(session, provider, event, options));
    });
}

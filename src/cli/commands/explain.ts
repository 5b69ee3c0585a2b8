import { type Command, Option } from "commander";
import { EXIT_HELP, examples, SECRET_HELP } from "../declare.ts";
import { collect, headerName, providerName } from "../parse.ts";
import type { ProviderName } from "../providers.ts";
import type { SecretOptions } from "../secrets.ts";
import type { Shell } from "../session.ts";

/** Options of `explain`. */
export interface ExplainOptions extends SecretOptions<readonly string[]> {
  readonly provider?: ProviderName;
  readonly otherSecretFile?: readonly string[];
  readonly json?: boolean;
}

/** Declares `explain`. */
export function declareExplain(program: Command, shell: Shell): void {
  program
    .command("explain")
    .description("say why the signature of a saved delivery does not match")
    .argument("[file]", 'a delivery as JSON; "-" or nothing for stdin')
    .option("--provider <name>", "whose delivery it is (default: as the file says)", providerName)
    .option("--secret-file <file>", "the secret it should be signed with; repeatable while it is replaced", collect)
    .option("--other-secret-file <file>", "a secret of another endpoint, which may have been mixed up; repeatable", collect)
    .option("--token-file <file>", "the token that the URL should carry")
    .option("--header <name>", "the signature should be in this header", headerName)
    .addOption(new Option("--scheme <name>", "how Kling signs (default: by the form of the secret)").choices(["standard-webhooks", "hex"]))
    .addHelpText(
      "after",
      `
The file is what "send --save" and "listen --save" write, or written by hand:
  { "provider": "heygen", "method": "POST", "url": "/webhooks/heygen",
    "headers": { "signature": "…" }, "body": "the text as received" }
  Give "bodyBase64" instead of "body" for bytes that are no text. "receivedAt" is the time by which
  a signed time is judged; without it, that is now.
${examples(
  "explain delivery.json --provider heygen",
  "explain delivery.json --secret-file ./heygen.secret --other-secret-file ./staging.secret",
  "explain - --provider kling < delivery.json",
)}
${SECRET_HELP}
${EXIT_HELP}`,
    )
    .action(async (file: string | undefined, options: ExplainOptions) => {
      const { explainFile } = await import("../actions/explain.ts");
      await shell.perform(options, (session) => explainFile(session, file ?? "-", options));
    });
}

import { type Explanation, explain } from "../../testing/explain.ts";
import type { ExplainOptions } from "../commands/explain.ts";
import { type ExitCode, exitCodes, usageFailure } from "../failure.ts";
import { readInput } from "../files.ts";
import type { Output } from "../output.ts";
import { printable } from "../printable.ts";
import { bindProvider } from "../providers.ts";
import { parseDelivery } from "../saved-delivery.ts";
import { readReceiverCredentials, readSecret } from "../secrets.ts";
import type { Session } from "../session.ts";

/** `explain` */
export async function explainFile(session: Session, file: string, options: ExplainOptions): Promise<ExitCode> {
  const { output, io } = session;
  if (file === "-" && io.stdin.isTTY === true) throw usageFailure("Name the file of a saved delivery, or pipe one in.");
  const delivery = parseDelivery((await readInput(file, io)).toString("utf8"));
  const provider = options.provider ?? delivery.provider;
  if (provider === undefined) throw usageFailure('Whose delivery is it? Say --provider, or write "provider" into the file.');
  const { secret, token } = await readReceiverCredentials(session, provider, options);
  const others: [string, string][] = [];
  for (const each of options.otherSecretFile ?? []) others.push([each, (await readSecret(session, each, "")) ?? ""]);
  const otherSecrets = Object.fromEntries(others);
  const { rawBody, headers, url, receivedAt } = delivery;
  const { header, scheme } = options;
  const bound = await bindProvider(provider, { unsigned: true, header, scheme });
  const explanation = explain({
    provider: bound,
    rawBody: rawBody as Uint8Array,
    headers,
    url,
    secret,
    token,
    otherSecrets,
    now: receivedAt,
  });
  output.result({ provider, ...explanation }, () => toLines(output, explanation));
  return explanation.authentic ? exitCodes.ok : exitCodes.failed;
}

function toLines(output: Output, { authentic, findings, summary }: Explanation): readonly string[] {
  const verdict = authentic ? output.paint("green", "authentic") : output.paint("red", "not authentic");
  const lines = [`${verdict}: ${printable(summary)}`];
  for (const [index, { certainty, code, message, fix }] of findings.entries()) {
    lines.push(
      "",
      `${index + 1}. ${output.paint("bold", certainty)}  ${printable(message, 1000)}`,
      `   fix: ${printable(fix, 1000)}`,
      `   ${output.paint("dim", code)}`,
    );
  }
  return lines;
}

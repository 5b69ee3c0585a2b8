import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { sampleTypes } from "../../testing/sample-payload.ts";
import { parseChanges } from "../changes.ts";
import type { SamplesOptions } from "../commands/samples.ts";
import { type ExitCode, exitCodes, systemReason, unreachable, usageFailure } from "../failure.ts";
import { writeOutput } from "../files.ts";
import { table } from "../output.ts";
import { printable } from "../printable.ts";
import { type ProviderName, providerNames } from "../providers.ts";
import { checkSample, makePayload } from "../sample-source.ts";
import type { Session } from "../session.ts";

/** `samples` */
export function samples(
  session: Session,
  provider: ProviderName | undefined,
  event: string | undefined,
  options: SamplesOptions,
): Promise<ExitCode> {
  if (options.all) return writeAll(session, provider, event, options);
  if (provider !== undefined && event !== undefined) return printOne(session, provider, event, options);
  const [unused] = Object.entries(options).find(([name, value]) => name !== "json" && value !== undefined) ?? [];
  if (unused !== undefined) throw usageFailure(`--${unused} needs an event, or --all.`);
  return printList(session, provider);
}

const chosen = (provider: ProviderName | undefined): readonly ProviderName[] => (provider === undefined ? providerNames : [provider]);

async function printList({ output }: Session, provider: ProviderName | undefined): Promise<ExitCode> {
  const found = chosen(provider).flatMap((name) =>
    sampleTypes(name).map(({ type, variants }) => ({ provider: name, type: type as string, variants })),
  );
  output.result(found, () =>
    table(
      output,
      ["provider", "event", "variants"],
      found.map((each) => [each.provider, each.type, each.variants.join(", ")]),
    ),
  );
  return exitCodes.ok;
}

async function printOne(session: Session, provider: ProviderName, event: string, options: SamplesOptions): Promise<ExitCode> {
  const { output } = session;
  const { id, set, out, variant: wanted } = options;
  const { type, variant } = checkSample(provider, event, wanted);
  const payload = makePayload({ provider, type, variant, id, changes: parseChanges(set), now: Date.now() }, 1);
  if (out === undefined) {
    output.result(payload, () => JSON.stringify(payload, undefined, 2));
    return exitCodes.ok;
  }
  await writeOutput(out, toFile(payload));
  output.result({ written: [out] }, () => `${printable(out)} was written`);
  return exitCodes.ok;
}

async function writeAll(
  session: Session,
  provider: ProviderName | undefined,
  event: string | undefined,
  options: SamplesOptions,
): Promise<ExitCode> {
  const { output } = session;
  const { out, id, set, variant: only } = options;
  if (out === undefined) throw usageFailure("--all writes files. Say where: --out folder.");
  if (event !== undefined || only !== undefined || set !== undefined)
    throw usageFailure("--all is for every event, so leave out the event, --variant and --set.");
  const now = Date.now();
  const written: string[] = [];
  for (const name of chosen(provider)) {
    await makeFolder(join(out, name));
    for (const { type, variants } of sampleTypes(name)) {
      for (const variant of variants) {
        const file = join(out, name, `${type}${variant === "default" ? "" : `.${variant}`}.json`);
        await writeOutput(file, toFile(makePayload({ provider: name, type, variant, id, changes: [], now }, 1)));
        written.push(file);
      }
    }
  }
  output.result({ written }, () => `${written.length} files were written to ${printable(out)}`);
  return exitCodes.ok;
}

const toFile = (payload: object): string => `${JSON.stringify(payload, undefined, 2)}\n`;

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw unreachable("unwritable", `Cannot make the folder ${printable(path)}: ${systemReason(error)}.`, error);
  }
}

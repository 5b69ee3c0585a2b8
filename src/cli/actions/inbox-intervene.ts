import type { Inbox } from "../../inbox/inbox.ts";
import type { InboxFilter, InboxState } from "../../inbox/store.ts";
import type { InterventionOptions } from "../commands/inbox.ts";
import { confirm } from "../confirm.ts";
import { type ExitCode, exitCodes, failed, usageFailure } from "../failure.ts";
import { withInbox } from "../open-inbox.ts";
import { startProgress } from "../progress.ts";
import type { Session } from "../session.ts";
import { toFilter } from "./inbox.ts";

interface Operation {
  /** The states of which it takes events that are chosen by options, unless these say. */
  readonly usual: readonly InboxState[];
  /** All states of which it takes events. */
  readonly from: readonly InboxState[];
  readonly past: string;
  readonly not: string;
}

const operations: Readonly<Record<"replay" | "discard", Operation>> = {
  // What was done is only done again by those who say so.
  replay: { usual: ["dead"], from: ["dead", "done"], past: "replayed", not: "neither dead nor done" },
  discard: { usual: ["received", "retry"], from: ["received", "retry"], past: "discarded", not: "not waiting" },
};

/** How many events are changed before the progress bar moves on. */
const BATCH = 500;

/** `inbox replay` and `inbox discard` */
export function intervene(
  session: Session,
  name: "replay" | "discard",
  entries: readonly string[],
  options: InterventionOptions,
): Promise<ExitCode> {
  const { output, io } = session;
  const operation = operations[name];
  const by = options.by ?? io.env.USER ?? io.env.USERNAME ?? "";
  if (by.trim() === "") throw usageFailure("Who does it? Say --by, or set USER.");
  if (options.reason.trim() === "") throw usageFailure("--reason needs a text.");
  const filter = filterOf(operation, entries, options);
  return withInbox(session, options, async (inbox) => {
    const chosen = filter === undefined ? [...new Set(entries)] : await findAll(inbox, filter);
    if (options.dryRun) {
      output.result(
        { [`wouldBe${name === "replay" ? "Replayed" : "Discarded"}`]: chosen.length },
        () => `${count(chosen.length)} would be ${operation.past}`,
      );
      return exitCodes.ok;
    }
    if (filter !== undefined && chosen.length > 0) await confirm(session, `${capital(name)} ${count(chosen.length)}?`, options.yes);
    const changed = await changeAll(session, inbox, name, chosen, { by, reason: options.reason });
    output.result(
      { [operation.past]: changed, chosen: chosen.length },
      () => `${count(changed)} ${changed === 1 ? "was" : "were"} ${operation.past}`,
    );
    if (changed === chosen.length) return exitCodes.ok;
    const rest = chosen.length - changed;
    output.note(`${count(rest)} ${rest === 1 ? "is" : "are"} ${operation.not}, or not in this inbox.`);
    // Of those that were found, a worker may have taken some meanwhile; of those that were named, each was meant.
    return filter === undefined ? exitCodes.failed : exitCodes.ok;
  });
}

/** `undefined` where entries are named. */
function filterOf(operation: Operation, entries: readonly string[], options: InterventionOptions): InboxFilter | undefined {
  const filter = toFilter(options);
  const chooses = Object.values(filter).some((condition) => condition !== undefined);
  if (entries.length > 0) {
    if (chooses || options.all) throw usageFailure("Name entries, or choose them by options, but not both.");
    return undefined;
  }
  if (!chooses && !options.all) throw usageFailure(`Which events? Name entries, choose them by options such as --type, or say --all.`);
  const wrong = [filter.state ?? []].flat().find((state) => !operation.from.includes(state));
  if (wrong !== undefined)
    throw usageFailure(`Only events that are ${operation.from.join(" or ")} can be ${operation.past}, so --state cannot be ${wrong}.`);
  return { ...filter, state: filter.state ?? operation.usual };
}

async function findAll(inbox: Inbox, filter: InboxFilter): Promise<readonly string[]> {
  const found: string[] = [];
  for (let after: string | undefined; ; ) {
    const page = await inbox.list({ ...filter, limit: 1000, after });
    for (const { entry } of page.entries) found.push(entry);
    if (page.next === undefined) return [...new Set(found)];
    after = page.next;
  }
}

async function changeAll(
  session: Session,
  inbox: Inbox,
  name: "replay" | "discard",
  entries: readonly string[],
  intervention: { readonly by: string; readonly reason: string },
): Promise<number> {
  const progress = await startProgress(session, name, entries.length);
  let changed = 0;
  let interrupted = false;
  const forget = session.io.onInterrupt(() => {
    interrupted = true;
  });
  try {
    for (let at = 0; at < entries.length; at += BATCH) {
      if (interrupted) throw failed("interrupted", `Interrupted after ${count(changed)} of ${entries.length.toLocaleString("en-US")}.`);
      const batch = entries.slice(at, at + BATCH);
      changed += await inbox[name](batch, intervention);
      progress.advance(batch.length);
    }
  } finally {
    forget();
    progress.stop();
  }
  return changed;
}

const count = (events: number): string => `${events.toLocaleString("en-US")} ${events === 1 ? "event" : "events"}`;

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

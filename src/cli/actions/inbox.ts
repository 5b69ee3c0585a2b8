import type { InboxEntry, InboxFilter, InboxState } from "../../inbox/store.ts";
import type { FilterOptions, InboxPlace, ListCommandOptions, PruneCommandOptions, ShowOptions } from "../commands/inbox.ts";
import { confirm } from "../confirm.ts";
import { type ExitCode, exitCodes, failed } from "../failure.ts";
import { withInbox } from "../open-inbox.ts";
import { type Cell, fields, type Style, table } from "../output.ts";
import { printable, printableLines } from "../printable.ts";
import { startProgress } from "../progress.ts";
import { bodyFields } from "../saved-delivery.ts";
import type { Session } from "../session.ts";

const order: readonly InboxState[] = ["received", "processing", "retry", "done", "dead"];

const styles: Readonly<Partial<Record<InboxState, Style>>> = { done: "green", dead: "red", retry: "yellow", processing: "cyan" };

const stateCell = (state: InboxState): Cell => {
  const style = styles[state];
  return style === undefined ? state : { text: state, style };
};

/** The conditions among the options of a command. */
export function toFilter(options: FilterOptions): InboxFilter {
  const { state, provider, endpoint, type, id, receivedAfter, receivedBefore } = options;
  return { state, provider, endpoint, type, id, receivedAfter, receivedBefore };
}

/** `inbox stats` */
export function stats(session: Session, place: InboxPlace): Promise<ExitCode> {
  const { output } = session;
  return withInbox(session, place, async (inbox) => {
    const found = await inbox.stats();
    output.result(found, () => {
      const states = order.map((state) => [stateCell(state), found.states[state]] as const);
      const types = found.types.map(({ provider, type, processed, failed: failures, successRate, latencyMs }) => [
        provider,
        type,
        processed,
        failures,
        successRate === undefined ? undefined : `${(Math.floor(successRate * 1000) / 10).toFixed(1)} %`,
        ...[latencyMs.p50, latencyMs.p90, latencyMs.p99].map((each) => (each === undefined ? undefined : Math.round(each))),
      ]);
      const oldest = found.oldestDueMs === undefined ? "nothing is due" : `the oldest that is due waits ${duration(found.oldestDueMs)}`;
      const head = ["provider", "type", "handled", "failed", "success", "p50 ms", "p90 ms", "p99 ms"];
      return [...table(output, ["state", "events"], states), "", oldest, ...(types.length > 0 ? ["", ...table(output, head, types)] : [])];
    });
    return exitCodes.ok;
  });
}

/** `inbox list` */
export function list(session: Session, options: ListCommandOptions): Promise<ExitCode> {
  const { output } = session;
  return withInbox(session, options, async (inbox) => {
    const page = await inbox.list({ ...toFilter(options), limit: options.limit, after: options.after });
    output.result(page, () => {
      const head = ["entry", "state", "provider", "endpoint", "type", "attempts", "received", "reason"];
      return table(output, head, page.entries.map(rowOf));
    });
    if (page.entries.length === 0) output.note("There is no such event.");
    if (page.next !== undefined) output.note(`There are more: --after ${page.next}`);
    return exitCodes.ok;
  });
}

function rowOf(entry: InboxEntry): readonly Cell[] {
  const { state, provider, endpoint, type, attempts, receivedAt, reason = "" } = entry;
  return [entry.entry, stateCell(state), provider, endpoint, type, attempts, receivedAt.toISOString(), printable(reason, 80)];
}

/** `inbox show` */
export function show(session: Session, entry: string, options: ShowOptions): Promise<ExitCode> {
  const { output } = session;
  return withInbox(session, options, async (inbox) => {
    const found = await inbox.get(entry, { payload: options.payload === true });
    if (found === undefined) throw failed("not_found", `There is no entry ${printable(entry, 100)} in this inbox.`);
    const { rawBody, ...rest } = found;
    output.result({ ...rest, ...(rawBody && bodyFields(rawBody)) }, () => {
      const head = ["at", "attempt", "to", "result", "ms", "by", "reason"];
      const history = found.history.map(({ at, attempt, to, result, milliseconds, by, reason }) => [
        at.toISOString(),
        attempt,
        stateCell(to),
        result,
        milliseconds === undefined ? undefined : Math.round(milliseconds),
        by,
        reason ?? "",
      ]);
      const facts = fields(output, [
        ["entry", found.entry],
        ["state", stateCell(found.state)],
        ["provider", found.provider],
        ["endpoint", found.endpoint],
        ["type", found.type],
        ["id", found.id],
        ["attempts", found.attempts],
        ["received", found.receivedAt.toISOString()],
        ["due", found.dueAt?.toISOString()],
        ["finished", found.finishedAt?.toISOString()],
        ["reason", found.reason],
      ]);
      const lines = [...facts, "", ...table(output, head, history)];
      if (found.headers) lines.push("", ...fields(output, Object.entries(found.headers)));
      if (rawBody) lines.push("", ...bodyLines(rawBody));
      return lines;
    });
    return exitCodes.ok;
  });
}

/** A body for people: text as it is, and how many bytes there are of anything else. */
function bodyLines(rawBody: Uint8Array): readonly string[] {
  const fieldsOfBody = bodyFields(rawBody);
  return "body" in fieldsOfBody ? [printableLines(fieldsOfBody.body)] : [`(${rawBody.length} bytes that are no text; --json prints them)`];
}

/** `inbox prune` */
export function prune(session: Session, options: PruneCommandOptions): Promise<ExitCode> {
  const { output } = session;
  const { olderThan, deadOlderThan } = options;
  return withInbox(session, options, async (inbox) => {
    const dead = deadOlderThan === undefined ? "" : `, and dead letters older than ${deadOlderThan} days`;
    await confirm(session, `Delete handled events older than ${olderThan} days${dead}?`, options.yes);
    output.note(`Deleting handled events older than ${olderThan} days${dead}.`);
    const progress = await startProgress(session, "prune", 0);
    const pruned = await inbox
      .prune({
        olderThanDays: olderThan,
        deadOlderThanDays: deadOlderThan,
        // Counting what is old enough takes a while.
        ...(progress.isShown && { onProgress: ({ pruned: done, total }) => progress.show(done, total) }),
      })
      .finally(() => progress.stop());
    output.result({ pruned }, () => `${pruned.toLocaleString("en-US")} ${pruned === 1 ? "event was" : "events were"} deleted`);
    return exitCodes.ok;
  });
}

function duration(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

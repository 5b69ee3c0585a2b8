import type { InboxFilter, InboxState } from "./store.ts";

/** Which rows are meant, as a condition in SQL. */
export interface SqliteCondition {
  readonly where: string;
  readonly values: unknown[];
  /** Whether an index leads to the few that it may be. */
  readonly isNarrow: boolean;
}

/**
 * Turns a list of entries or a filter into SQL.
 *
 * @param allowed the states that an operation can take events from
 */
export function conditionOf(which: readonly string[] | InboxFilter, allowed: readonly InboxState[]): SqliteCondition {
  if (isList(which)) {
    const entries = which.filter((entry) => /^[0-9]{1,15}$/.test(entry)).map(Number);
    const where = `entry IN (${entries.map(() => "?").join(", ")}) AND +state IN (${quoted(allowed)})`;
    return { where, values: entries, isNarrow: true };
  }
  const wanted = which.state === undefined ? allowed : [which.state].flat().filter((state) => allowed.includes(state));
  const isNarrow = which.id !== undefined;
  // The sign keeps SQLite from taking the index of states where that of ids leads to a row or two.
  const parts = [`${isNarrow ? "+" : ""}state IN (${quoted(wanted)})`];
  const values: unknown[] = [];
  const add = (part: string, value: unknown): void => {
    if (value === undefined) return;
    parts.push(part);
    values.push(value);
  };
  add("provider = ?", which.provider);
  add("endpoint = ?", which.endpoint);
  add("type = ?", which.type);
  add("id = ?", which.id);
  add("received_at > ?", which.receivedAfter?.getTime());
  add("received_at < ?", which.receivedBefore?.getTime());
  return { where: parts.join(" AND "), values, isNarrow };
}

function isList(which: readonly string[] | InboxFilter): which is readonly string[] {
  return Array.isArray(which);
}

const quoted = (states: readonly InboxState[]): string => states.map((state) => `'${state}'`).join(", ");

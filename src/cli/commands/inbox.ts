import type { Command } from "commander";
import type { InboxState } from "../../inbox/store.ts";
import { EXIT_HELP, examples } from "../declare.ts";
import { collectList, days, moment, wholeNumber } from "../parse.ts";
import type { Shell } from "../session.ts";

/** Which inbox. */
export interface InboxPlace {
  readonly db?: string;
  readonly postgres?: string | true;
  readonly redis?: string | true;
  readonly schema?: string;
  readonly prefix?: string;
  readonly json?: boolean;
}

/** Which entries. */
export interface FilterOptions {
  readonly state?: readonly InboxState[];
  readonly provider?: string;
  readonly endpoint?: string;
  readonly type?: string;
  readonly id?: string;
  readonly receivedAfter?: Date;
  readonly receivedBefore?: Date;
}

/** Options of `inbox list`. */
export interface ListCommandOptions extends InboxPlace, FilterOptions {
  readonly limit: number;
  readonly after?: string;
}

/** Options of `inbox show`. */
export interface ShowOptions extends InboxPlace {
  readonly payload?: boolean;
}

/** Options of `inbox replay` and `inbox discard`. */
export interface InterventionOptions extends InboxPlace, FilterOptions {
  readonly by?: string;
  readonly reason: string;
  readonly all?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

/** Options of `inbox prune`. */
export interface PruneCommandOptions extends InboxPlace {
  readonly olderThan: number;
  readonly deadOlderThan?: number;
  readonly yes?: boolean;
}

const PLACE_HELP = `
Which inbox, one of:
  --db <file>        SQLite. A file that is no inbox is left alone, and none is created.
  --postgres [url]   pg-boss. Without a URL that of DATABASE_URL, where a password is better kept.
  --redis [url]      BullMQ. Without a URL that of REDIS_URL.`;

function at(command: Command): Command {
  return command
    .option("--db <file>", "a SQLite file")
    .option("--postgres [url]", "a Postgres database (default: DATABASE_URL)")
    .option("--schema <name>", "the schema in Postgres")
    .option("--redis [url]", "a Redis server (default: REDIS_URL)")
    .option("--prefix <text>", "what all keys in Redis begin with");
}

function filtered(command: Command): Command {
  return command
    .option("--state <names>", "received, processing, retry, done, dead; several with commas", collectList)
    .option("--provider <name>", "of this provider")
    .option("--endpoint <name>", "of this endpoint")
    .option("--type <name>", "of this event type")
    .option("--id <id>", "with this dedupe key, as in context.id")
    .option("--received-after <time>", "ISO 8601, or how long ago, such as 12h", moment)
    .option("--received-before <time>", "likewise", moment);
}

function intervention(command: Command, shell: Shell, name: "replay" | "discard"): Command {
  return filtered(at(command))
    .argument("[entry...]", "entries, as list shows them; or choose by the options")
    .requiredOption("--reason <text>", "why; kept with the event")
    .option("--by <name>", "who does it (default: $USER)")
    .option("--all", "every event that can be")
    .option("--dry-run", "only say how many there are")
    .option("-y, --yes", "do not ask")
    .action(async (entries: readonly string[], options: InterventionOptions) => {
      const { intervene } = await import("../actions/inbox-intervene.ts");
      await shell.perform(options, (session) => intervene(session, name, entries, options));
    });
}

/** Declares `inbox` and what can be done with one. */
export function declareInbox(program: Command, shell: Shell): void {
  const inbox = program
    .command("inbox")
    .description("look at the events of an inbox, and handle them again or not at all")
    .addHelpText(
      "after",
      `${PLACE_HELP}
${examples(
  "inbox stats --db webhooks.db",
  "inbox list --db webhooks.db --state dead --provider heygen",
  "inbox show 42 --db webhooks.db --payload",
  'inbox replay 42 43 --db webhooks.db --reason "storage was full"',
  'inbox replay --postgres --type avatar_video.success --received-after 12h --reason "fixed" --yes',
  "inbox prune --redis redis://127.0.0.1:6379 --older-than 30",
)}
${EXIT_HELP}`,
    );

  at(inbox.command("stats"))
    .description("how many events are in each state, and how those of each type fared")
    .addHelpText("after", `${PLACE_HELP}\n${examples("inbox stats --db webhooks.db", "inbox stats --postgres --json")}\n${EXIT_HELP}`)
    .action(async (options: InboxPlace) => {
      const { stats } = await import("../actions/inbox.ts");
      await shell.perform(options, (session) => stats(session, options));
    });

  filtered(at(inbox.command("list")))
    .description("events that fit all options, the newest first")
    .option("--limit <number>", "at most so many, up to 1000", wholeNumber(1, 1000), 50)
    .option("--after <cursor>", "the next page, as the page before says")
    .addHelpText(
      "after",
      `${PLACE_HELP}\n${examples("inbox list --db webhooks.db", "inbox list --db webhooks.db --state retry,dead --received-after 2h")}\n${EXIT_HELP}`,
    )
    .action(async (options: ListCommandOptions) => {
      const { list } = await import("../actions/inbox.ts");
      await shell.perform(options, (session) => list(session, options));
    });

  at(inbox.command("show"))
    .description("an event with its history")
    .argument("<entry>", "as list shows it")
    .option("--payload", "also its headers and its body")
    .addHelpText("after", `${PLACE_HELP}\n${examples("inbox show 42 --db webhooks.db --payload")}\n${EXIT_HELP}`)
    .action(async (entry: string, options: ShowOptions) => {
      const { show } = await import("../actions/inbox.ts");
      await shell.perform(options, (session) => show(session, entry, options));
    });

  intervention(inbox.command("replay"), shell, "replay")
    .description("let events that are dead, or done, be handled again from their first attempt on")
    .addHelpText(
      "after",
      `
Chosen by options, these are the dead ones, unless --state says done. Before it begins it says how
many they are, and asks.
${PLACE_HELP}
${examples('inbox replay 42 --db webhooks.db --reason "storage was full"', 'inbox replay --all --db webhooks.db --reason "bug fixed" --yes')}
${EXIT_HELP}`,
    );

  intervention(inbox.command("discard"), shell, "discard")
    .description("make events dead that wait, so that they are not handled")
    .addHelpText(
      "after",
      `
Chosen by options, these are the ones that are received or wait for a retry.
${PLACE_HELP}
${examples('inbox discard 42 --db webhooks.db --reason "test data"', 'inbox discard --type batch.finished --db webhooks.db --reason "not needed"')}
${EXIT_HELP}`,
    );

  at(inbox.command("prune"))
    .description("delete handled events; a duplicate of a deleted event is a new one")
    .requiredOption("--older-than <days>", "handled events that are older", days)
    .option("--dead-older-than <days>", "dead letters that are older (default: none)", days)
    .option("-y, --yes", "do not ask")
    .addHelpText(
      "after",
      `${PLACE_HELP}\n${examples("inbox prune --db webhooks.db --older-than 30 --dead-older-than 90 --yes")}\n${EXIT_HELP}`,
    )
    .action(async (options: PruneCommandOptions) => {
      const { prune } = await import("../actions/inbox.ts");
      await shell.perform(options, (session) => prune(session, options));
    });
}

import type { Command } from "commander";
import { EXIT_HELP, examples } from "../declare.ts";
import { usageFailure } from "../failure.ts";
import { collectList, wholeNumber } from "../parse.ts";
import type { Shell } from "../session.ts";

/** The providers with an API for endpoints. */
export type RegistryName = "heygen" | "konpro" | "kling";

/** Options that every call takes. */
export interface ApiOptions {
  readonly apiKeyFile?: string;
  readonly baseUrl?: string;
  readonly timeout?: number;
  readonly json?: boolean;
}

/** What becomes of a new secret. */
export interface NewSecretOptions extends ApiOptions {
  readonly showSecret?: boolean;
  readonly secretOut?: string;
  readonly force?: boolean;
}

/** Options of `endpoints … add`. */
export interface AddOptions extends NewSecretOptions {
  readonly events?: readonly string[];
  readonly anyEvent?: boolean;
  readonly entityId?: string;
}

/** Options of `endpoints … update`. */
export interface UpdateOptions extends ApiOptions {
  readonly url?: string;
  readonly events?: readonly string[];
  readonly anyEvent?: boolean;
}

/** Options of `endpoints … events`. */
export interface HistoryOptions extends ApiOptions {
  readonly type?: string;
  readonly anyEvent?: boolean;
  readonly entityId?: string;
  readonly limit: number;
}

const titles: Readonly<Record<RegistryName, string>> = { heygen: "HeyGen", konpro: "KonPro", kling: "Kling" };

const loadActions = () => import("../actions/endpoints.ts");

const footer = (provider: RegistryName, ...lines: readonly string[]): string => `
The API key comes from ${provider.toUpperCase()}_API_KEY, or from the file of --api-key-file.
${examples(...lines.map((line) => `endpoints ${provider} ${line}`))}
${EXIT_HELP}`;

const SECRET_OUT = `
The API shows the secret only in its answer, so say what becomes of it: --secret-out writes it to a
file that only you can read, and --show-secret prints it. Without one of them nothing is asked for.`;

const ANY_EVENT = ["--any-event", "even event names that this version does not know"] as const;

function withApi(command: Command): Command {
  return command
    .option("--api-key-file <file>", "a file with the API key")
    .option("--base-url <url>", "another address of the API, for tests")
    .option("--timeout <milliseconds>", "how long one attempt may take", wholeNumber(1, 600_000));
}

function withNewSecret(command: Command): Command {
  return command
    .option("--secret-out <file>", "write the new secret to this file")
    .option("--force", "even if the file exists")
    .option("--show-secret", "print the new secret");
}

function declareAdd(parent: Command, shell: Shell, provider: RegistryName): void {
  const command = withApi(withNewSecret(parent.command("add")))
    .description("register an endpoint")
    .argument("<url>", "of the receiver, https only");
  if (provider === "kling")
    command.requiredOption("--events <types>", "what to deliver, such as video.completed,video.failed", collectList);
  else {
    command
      .option("--events <types>", 'what to deliver, with commas between; "all", as by default, for everything', collectList)
      .option("--entity-id <id>", "only the events of this resource");
  }
  command.option(...ANY_EVENT);
  const events = provider === "kling" ? " --events video.completed,video.failed" : "";
  command
    .addHelpText(
      "after",
      `${SECRET_OUT}\n${footer(provider, `add https://app.example.com/webhooks/${provider}${events} --secret-out ./${provider}.secret`)}`,
    )
    .action(async (url: string, options: AddOptions) => {
      const { add } = await loadActions();
      await shell.perform(options, (session) => add(session, provider, url, options));
    });
}

function declareManagement(parent: Command, shell: Shell, provider: RegistryName): void {
  withApi(parent.command("list"))
    .description("list the endpoints, without their secrets")
    .addHelpText("after", footer(provider, "list", "list --json"))
    .action(async (options: ApiOptions) => {
      const { list } = await loadActions();
      await shell.perform(options, (session) => list(session, provider, options));
    });
  withApi(parent.command("update"))
    .description("change the URL of an endpoint, or what is delivered to it")
    .argument("<id>", "as list shows it")
    .option("--url <url>", "of the receiver, https only")
    .option("--events <types>", 'replaces the whole list, with commas between; "all" for everything', collectList)
    .option(...ANY_EVENT)
    .addHelpText("after", footer(provider, "update ep_1 --events avatar_video.success,avatar_video.fail"))
    .action(async (id: string, options: UpdateOptions) => {
      const { update } = await loadActions();
      await shell.perform(options, (session) => update(session, provider, id, options));
    });
  withApi(parent.command("delete"))
    .description("delete an endpoint")
    .argument("<id>", "as list shows it")
    .addHelpText("after", footer(provider, "delete ep_1"))
    .action(async (id: string, options: ApiOptions) => {
      const { remove } = await loadActions();
      await shell.perform(options, (session) => remove(session, provider, id, options));
    });
  withApi(parent.command("event-types"))
    .description("list what can be subscribed to")
    .addHelpText("after", footer(provider, "event-types"))
    .action(async (options: ApiOptions) => {
      const { eventTypes } = await loadActions();
      await shell.perform(options, (session) => eventTypes(session, provider, options));
    });
}

function declareHeyGenOnly(parent: Command, shell: Shell): void {
  withApi(withNewSecret(parent.command("rotate")))
    .description("replace the secret of an endpoint; the old one is void at once")
    .argument("<id>", "as list shows it")
    .addHelpText("after", `${SECRET_OUT}\n${footer("heygen", "rotate ep_1 --secret-out ./heygen.secret --force")}`)
    .action(async (id: string, options: NewSecretOptions) => {
      const { rotate } = await loadActions();
      await shell.perform(options, (session) => rotate(session, id, options));
    });
  withApi(parent.command("events"))
    .description("list the history of events, as the API orders it")
    .option("--type <name>", "only of this type")
    .option(...ANY_EVENT)
    .option("--entity-id <id>", "only of this resource")
    .option("--limit <number>", "at most so many", wholeNumber(1, 10_000), 50)
    .addHelpText("after", footer("heygen", "events", "events --type avatar_video.fail --limit 500 --json"))
    .action(async (options: HistoryOptions) => {
      const { history } = await loadActions();
      await shell.perform(options, (session) => history(session, options));
    });
}

/** Declares `endpoints` and what each provider's API can do. */
export function declareEndpoints(program: Command, shell: Shell): void {
  const endpoints = program
    .command("endpoints")
    .description("register, list, change and delete endpoints by the API of a provider")
    .addHelpText(
      "after",
      `
VideoPilot has no such API: its endpoints are registered in its dashboard. Kling documents none
either; "add" makes the call that guides of others describe.
${examples(
  "endpoints heygen add https://app.example.com/webhooks/heygen --secret-out ./heygen.secret",
  "endpoints heygen list",
  "endpoints konpro update webhook_1 --events avatar_video.success",
)}
${EXIT_HELP}`,
    );
  for (const provider of ["heygen", "konpro", "kling"] as const) {
    const parent = endpoints.command(provider).description(`endpoints of ${titles[provider]}`);
    declareAdd(parent, shell, provider);
    if (provider !== "kling") declareManagement(parent, shell, provider);
    if (provider === "heygen") declareHeyGenOnly(parent, shell);
    if (provider === "kling") {
      const why = "Kling documents no API for endpoints, and nobody describes such a call. Each task names its own callback_url.";
      for (const name of ["list", "update", "delete", "event-types", "rotate", "events"]) declareMissing(parent, name, why);
    }
    parent.addHelpText("after", footer(provider, `add https://app.example.com/webhooks/${provider} --secret-out ./${provider}.secret`));
  }
  const why = "VideoPilot has no API for endpoints. Register them in its dashboard, under the settings of webhooks.";
  declareMissing(endpoints, "videopilot", why);
}

/** Declares a command that is looked for and cannot be, so that whoever calls it reads why. */
function declareMissing(parent: Command, name: string, why: string): void {
  parent
    .command(name, { hidden: true })
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      throw usageFailure(why);
    });
}

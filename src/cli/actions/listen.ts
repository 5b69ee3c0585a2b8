import { mkdir } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { nodeHandler } from "../../adapters/node.ts";
import { systemCode } from "../../endpoints/system-code.ts";
import { explain } from "../../testing/explain.ts";
import type { ListenOptions } from "../commands/listen.ts";
import { type ExitCode, exitCodes, systemReason, unreachable, usageFailure } from "../failure.ts";
import { checkLocal } from "../forward.ts";
import { createLocalReceiver, type Received } from "../local-receiver.ts";
import { printable } from "../printable.ts";
import { type AnyProvider, bindProvider, type ProviderName } from "../providers.ts";
import { maskUrls } from "../redact.ts";
import { saveDelivery } from "../saved-delivery.ts";
import { type Credentials, readReceiverCredentials } from "../secrets.ts";
import type { Session } from "../session.ts";

/** `listen` */
export async function listen(session: Session, providerName: ProviderName, options: ListenOptions): Promise<ExitCode> {
  const { output, io } = session;
  const credentials = await readReceiverCredentials(session, providerName, options);
  const forwardTo = options.forward && checkLocal(options.forward);
  if (!options.path.startsWith("/")) throw usageFailure("--path begins with a slash.");
  if (options.save !== undefined) await makeFolder(options.save);
  const isUnsigned = options.unsigned === true;
  const { header, scheme } = options;
  const provider = await bindProvider(providerName, {
    ...((isUnsigned ? { unsigned: true } : credentials) as { unsigned: true }),
    header,
    scheme,
  });

  const counts = { accepted: 0, refused: 0 };
  const saving = new Set<Promise<void>>();
  const receiver = createLocalReceiver({
    provider,
    forwardTo,
    onReceived(received) {
      if (received.outcome.status < 300) counts.accepted++;
      else counts.refused++;
      try {
        show(session, provider, received, credentials);
      } catch (error) {
        // The sender has its answer; the next delivery must be received all the same.
        output.note(`warning: A delivery could not be shown: ${error instanceof Error ? error.message : typeof error}`);
      }
      if (options.save === undefined || received.rawBody === undefined) return;
      const saved = save(session, options.save, providerName, received);
      saving.add(saved);
      void saved.finally(() => saving.delete(saved));
    },
  });
  const handle = nodeHandler(receiver);
  const server = createServer((request, response) => {
    if (isBelow(options.path, request.url ?? "/")) return void handle(request, response);
    response.writeHead(404, { "content-type": "text/plain" }).end("Not found. This is not the path of --path.\n");
    output.note(`${clock(new Date())} ${request.method} ${printable(maskUrls(request.url ?? ""), 100)} is outside of ${options.path}: 404`);
  });
  await open(server, options.port);
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}${options.path}`;
  if (output.json) output.result({ listening: address, provider: providerName }, () => "");
  output.note(`Listening for ${providerName} at ${address}. Ctrl+C stops.`);
  if (isUnsigned) output.note("warning: with --unsigned every delivery is accepted, whoever sent it.");
  if (forwardTo !== undefined) output.note(`Authentic deliveries are passed on to ${maskUrls(forwardTo.href)}.`);

  await stopped(server, io.onInterrupt);
  await Promise.all(saving);
  output.note(`${counts.accepted + counts.refused} deliveries: ${counts.accepted} accepted, ${counts.refused} refused or failed.`);
  return exitCodes.ok;
}

function open(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      const way = systemCode(error) === "EADDRINUSE" ? " Choose another with --port, or 0 for any." : "";
      reject(unreachable("port", `Cannot listen on port ${port}: ${systemReason(error)}.${way}`, error));
    });
    server.listen(port, "127.0.0.1", resolve);
  });
}

/** Resolves when the server has ended: after Ctrl+C what is under way ends first, after a second one nothing does. */
function stopped(server: Server, onInterrupt: (listener: () => void) => () => void): Promise<void> {
  return new Promise((resolve) => {
    let asked = false;
    const forget = onInterrupt(() => {
      if (asked) return server.closeAllConnections();
      asked = true;
      server.close(() => {
        forget();
        // What was answered last is told in the next turn.
        setImmediate(() => setImmediate(resolve));
      });
      server.closeIdleConnections();
    });
  });
}

function isBelow(path: string, url: string): boolean {
  const asked = url.split(/[?#]/, 1)[0] ?? "";
  const base = path.endsWith("/") ? path.slice(0, -1) : path;
  return asked === base || asked === path || asked.startsWith(`${base}/`);
}

function show({ output }: Session, provider: AnyProvider, received: Received, { secret, token }: Credentials<readonly string[]>): void {
  const { at, method, url, headers, rawBody, outcome, milliseconds, job, error, forwarded } = received;
  const { type, result, status, reason } = outcome;
  const explained =
    result === "unauthenticated" && secret !== undefined && rawBody !== undefined
      ? explain({ provider, rawBody, headers, secret, token, url, now: at })
      : undefined;
  const document = {
    at: at.toISOString(),
    method,
    url: maskUrls(url),
    type,
    job,
    result,
    status,
    reason,
    milliseconds: Math.round(milliseconds),
    forwarded,
    error: error?.message,
    findings: explained?.findings,
  };
  output.result(document, () => {
    const color = status < 300 ? "green" : status < 500 ? "red" : "yellow";
    const subject = type ?? (method === "POST" ? `${rawBody?.length ?? 0} bytes` : method);
    const view = job && [job.kind, job.id, job.status, job.error?.message ?? job.outputs[0]?.url ?? ""].join(" ").trim();
    const passed = forwarded === undefined ? "" : `passed on: ${forwarded}`;
    const outcomeText = output.paint(color, `${result} ${status}`);
    const lines = [
      [clock(at), printable(subject, 100), printable(view ?? "", 200), outcomeText, `${Math.round(milliseconds)} ms`, printable(passed)]
        .filter((part) => part !== "")
        .join("  "),
    ];
    if (explained !== undefined && explained.findings.length > 0) {
      for (const { certainty, message, fix } of explained.findings.slice(0, 3))
        lines.push(`  ${certainty}: ${printable(message)}`, `    ${printable(fix)}`);
    } else if (explained !== undefined) lines.push(`  ${printable(explained.summary)}`);
    else if (error !== undefined && status !== 200) lines.push(`  ${printable(error.message)}`);
    return lines;
  });
}

const clock = (at: Date): string => at.toTimeString().slice(0, 8);

async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw unreachable("unwritable", `Cannot make the folder ${printable(path)}: ${systemReason(error)}.`, error);
  }
}

/** A cookie or a key of a proxy tells nothing about a signature. */
const unsaved = new Set(["authorization", "proxy-authorization", "cookie", "x-api-key"]);

async function save({ output }: Session, folder: string, provider: ProviderName, received: Received): Promise<void> {
  const { at, number, method, url, headers, rawBody = new Uint8Array() } = received;
  const file = join(folder, `${at.toISOString().replaceAll(":", "-")}-${String(number).padStart(4, "0")}.json`);
  const kept = Object.fromEntries(Object.entries(headers).filter(([name]) => !unsaved.has(name.toLowerCase())));
  try {
    await saveDelivery(file, { method, url, headers: kept, rawBody, provider, receivedAt: at });
  } catch (error) {
    // The sender has its answer, and the next delivery may be saved again.
    output.note(`warning: ${error instanceof Error ? error.message : "A delivery was not saved."}`);
  }
}

import type { SampleDelivery } from "../testing/sample.ts";
import { type Answer, deliver } from "./deliver.ts";
import { CliFailure, type ExitCode, exitCodes } from "./failure.ts";
import { hideSignature } from "./hide-signature.ts";
import { fields, table } from "./output.ts";
import { printable } from "./printable.ts";
import { startProgress } from "./progress.ts";
import { maskUrls } from "./redact.ts";
import type { Session } from "./session.ts";

/** How many deliveries, how many at once, and how long each may take. */
export interface ManyOptions {
  readonly repeat: number;
  readonly concurrency: number;
  readonly timeoutMs: number;
}

/** Delivers many times, at most so many at once, and says how that went. It stops where nobody has answered at all. */
export async function deliverMany(
  session: Session,
  make: (number: number) => SampleDelivery,
  { repeat, concurrency, timeoutMs }: ManyOptions,
): Promise<ExitCode> {
  const stop = new AbortController();
  const times: number[] = [];
  const statuses = new Map<number, number>();
  let refusal: Answer | undefined;
  let silence: { readonly code: string; readonly error: string } | undefined;
  let unanswered = 0;
  let next = 1;
  const progress = await startProgress(session, "deliveries", repeat);

  async function run(): Promise<void> {
    while (next <= repeat && !stop.signal.aborted) {
      const sample = make(next++);
      const sent = await deliver(sample, timeoutMs, stop.signal);
      progress.advance();
      if ("error" in sent) {
        if (sent.code === "interrupted") return;
        unanswered++;
        silence ??= sent;
        if (times.length === 0) stop.abort();
        continue;
      }
      times.push(sent.milliseconds);
      statuses.set(sent.status, (statuses.get(sent.status) ?? 0) + 1);
      if (sent.ok || refusal !== undefined) continue;
      refusal = sent;
      hideSignature(session.redactor, sample);
    }
  }

  let interrupted = false;
  const forget = session.io.onInterrupt(() => {
    interrupted = true;
    stop.abort();
  });
  const started = performance.now();
  await Promise.all(Array.from({ length: Math.min(concurrency, repeat) }, run)).finally(() => {
    forget();
    progress.stop();
  });
  const seconds = (performance.now() - started) / 1000;

  const { output } = session;
  const { url, provider, type } = make(1);
  const at = maskUrls(url);
  const latencyMs = { p50: quantile(times, 0.5), p90: quantile(times, 0.9), p99: quantile(times, 0.99), max: quantile(times, 1) };
  const rows = [...statuses].sort(([one], [other]) => one - other);
  const perSecond = times.length === 0 ? 0 : Math.round(times.length / seconds);
  output.result(
    {
      provider,
      type,
      url: at,
      asked: repeat,
      answered: times.length,
      unanswered,
      statuses: Object.fromEntries(rows),
      latencyMs,
      perSecond,
    },
    () => [
      `${provider} ${type} to ${at}`,
      ...table(
        output,
        ["status", "answers"],
        rows.map(([status, count]) => [{ text: String(status), style: status < 300 ? "green" : "red" }, count]),
      ),
      "",
      ...fields(output, [
        ["answered", times.length],
        ["unanswered", unanswered === 0 ? undefined : unanswered],
        ["per second", perSecond],
        ["ms p50", latencyMs.p50],
        ["ms p90", latencyMs.p90],
        ["ms p99", latencyMs.p99],
        ["ms max", latencyMs.max],
      ]),
    ],
  );
  if (refusal !== undefined)
    output.note(`The first answer that was not 2xx: ${refusal.status} ${printable(session.redactor.redact(refusal.body), 300)}`);
  if (silence !== undefined) throw new CliFailure(exitCodes.unreachable, silence.code, `No answer from ${at}: ${silence.error}.`);
  if (interrupted) throw new CliFailure(exitCodes.failed, "interrupted", `Interrupted after ${times.length} of ${repeat}.`);
  return refusal === undefined ? exitCodes.ok : exitCodes.failed;
}

function quantile(times: readonly number[], share: number): number | undefined {
  const sorted = [...times].sort((one, other) => one - other);
  const found = sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
  return found === undefined ? undefined : Math.round(found);
}

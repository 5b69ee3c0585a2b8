import type { Session } from "./session.ts";

/** Shows how far bulk work has come. */
export interface Progress {
  /** Whether anybody sees it. */
  readonly isShown: boolean;
  advance(by?: number): void;
  /** For work that tells itself how far it has come, and of how much. */
  show(done: number, total: number): void;
  stop(): void;
}

const silent: Progress = { isShown: false, advance: () => undefined, show: () => undefined, stop: () => undefined };

/** A progress bar on stderr; nothing where that is no terminal, and with `--json`. */
export async function startProgress({ io, output }: Session, label: string, total: number): Promise<Progress> {
  if (io.stderr.isTTY !== true || output.json) return silent;
  const { default: cliProgress } = await import("cli-progress");
  const bar = new cliProgress.SingleBar({
    stream: io.stderr as NodeJS.WriteStream,
    format: `${label} [{bar}] {percentage}%  {value}/{total}  {eta_formatted} left`,
    barCompleteChar: "#",
    barIncompleteChar: "-",
    barsize: 30,
    clearOnComplete: true,
    // A terminal that was told not to wrap lines would stay so when the process is killed.
    linewrap: true,
    emptyOnZero: true,
  });
  bar.start(total, 0);
  return {
    isShown: true,
    advance: (by = 1) => bar.increment(by),
    show(done, all) {
      bar.setTotal(all);
      bar.update(done);
    },
    stop: () => bar.stop(),
  };
}

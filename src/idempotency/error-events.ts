/** What most clients of databases are. */
interface Emitter {
  listenerCount(event: "error"): number;
  on(event: "error", listener: () => void): unknown;
}

/**
 * Gives a client that has no listener for `error` one that does nothing: Node.js ends the process when a connection is lost that
 * nobody listens to. The operations that fail tell their callers.
 */
export function ignoreErrorEvents(client: object): void {
  const { listenerCount, on } = client as Partial<Emitter>;
  if (typeof listenerCount !== "function" || typeof on !== "function") return;
  const emitter = client as Emitter;
  if (emitter.listenerCount("error") === 0) emitter.on("error", () => undefined);
}

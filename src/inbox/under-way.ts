/** What was begun and has not ended, so that closing can wait for it. */
export interface UnderWay {
  /** Takes note of an operation, and gives it back. */
  track<Result>(operation: Promise<Result>): Promise<Result>;
  /** Resolves when all that is under way now has ended, well or not. */
  ended(): Promise<unknown>;
}

/** Makes {@link UnderWay}. */
export function createUnderWay(): UnderWay {
  const operations = new Set<Promise<unknown>>();
  return {
    track(operation) {
      operations.add(operation);
      const drop = (): unknown => operations.delete(operation);
      operation.then(drop, drop);
      return operation;
    },
    ended: () => Promise.allSettled(operations),
  };
}

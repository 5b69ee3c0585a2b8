/** Claims whose answer was lost; beyond this number the oldest are left to their lease. */
const MOST_UNANSWERED = 10_000;

/** Makes tokens for the claims of one process. */
export interface Attempts {
  /**
   * Claims with a token. When the answer is lost, nobody knows whether the database has made the claim; the next attempt at the same
   * event then comes with the same token, which the database must recognise as the holder's. Otherwise a lost answer would block the
   * event until the lease ends.
   */
  claim<Answer>(entry: string, attempt: (token: string) => Promise<Answer>): Promise<Answer>;
}

/** Makes {@link Attempts}. */
export function createAttempts(): Attempts {
  const unanswered = new Map<string, string>();
  return {
    async claim(entry, attempt) {
      const token = unanswered.get(entry) ?? crypto.randomUUID();
      // Only one attempt may come with it, since both would be told that they hold the event.
      unanswered.delete(entry);
      try {
        return await attempt(token);
      } catch (error) {
        unanswered.set(entry, token);
        if (unanswered.size > MOST_UNANSWERED) unanswered.delete(unanswered.keys().next().value as string);
        throw error;
      }
    },
  };
}

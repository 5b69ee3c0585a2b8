/** What is known of one body of an event. */
export interface KnownBody {
  /** The dedupe key of the event. */
  readonly key: string;
  /** Digest of the body. */
  readonly fingerprint: string;
}

/**
 * Finds what is known of an event by its key and, below it, by the fingerprint of a body: nearly every key has one body only. A `Map` under
 * both as one text would take longer to make and hash that text than all else takes.
 */
export class BodyMap<Known extends KnownBody> {
  readonly #byKey = new Map<string, Known | Map<string, Known>>();

  get(key: string, fingerprint: string): Known | undefined {
    const known = this.#byKey.get(key);
    if (known instanceof Map) return known.get(fingerprint);
    return known?.fingerprint === fingerprint ? known : undefined;
  }

  /** Whether anything is known under a key, whatever the body. */
  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** Takes the place of what was known of the same body. */
  add(added: Known): void {
    const { key, fingerprint } = added;
    const known = this.#byKey.get(key);
    if (known instanceof Map) known.set(fingerprint, added);
    else if (known === undefined || known.fingerprint === fingerprint) this.#byKey.set(key, added);
    else this.#byKey.set(key, new Map([known, added].map((each) => [each.fingerprint, each])));
  }

  delete({ key, fingerprint }: KnownBody): void {
    const known = this.#byKey.get(key);
    if (known instanceof Map) {
      known.delete(fingerprint);
      if (known.size === 0) this.#byKey.delete(key);
    } else if (known?.fingerprint === fingerprint) this.#byKey.delete(key);
  }
}

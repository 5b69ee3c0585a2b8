/** Replaces what must not be printed: credentials and tokens of URLs, and every text it was told to hide. */
export interface Redactor {
  /** Hides this text from now on; returns it. */
  hide(text: string): string;
  redact(text: string): string;
}

const MASK = "***";

/** Makes a redactor that knows nothing yet. */
export function createRedactor(): Redactor {
  const hidden = new Set<string>();
  return {
    hide(text) {
      const bare = text.trim().replace(/^whsec_/, "");
      // A shorter one would tear holes into ordinary words.
      for (const each of [text, bare]) if (each.length >= 6) hidden.add(each);
      return text;
    },
    redact(text) {
      let shown = maskUrls(text);
      for (const each of hidden) shown = shown.replaceAll(each, MASK);
      return shown;
    },
  };
}

/** Masks user names, passwords and tokens in the URLs of a text. */
export function maskUrls(text: string): string {
  return text
    .replace(/(?<![a-z0-9+.-])([a-z0-9+.-]+:\/\/)[^\s/?#'"]*@/gi, `$1${MASK}@`)
    .replace(
      /([?&](?:(?:[\w-]*[_-])?(?:token|password|pass|secret|key|sig|signature)|apikey|k)=)(?:[^&#\s'"]*[^&#\s'".,:;])?/gi,
      `$1${MASK}`,
    );
}

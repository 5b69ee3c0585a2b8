/** The code of the first system error among an error and its causes, such as `ECONNREFUSED`. */
export function systemCode(error: unknown): string | undefined {
  for (let each = error, depth = 0; typeof each === "object" && each !== null && depth < 5; depth++) {
    const { code, cause, errors } = each as { readonly code?: unknown; readonly cause?: unknown; readonly errors?: unknown };
    if (typeof code === "string" && /^[A-Z][A-Z0-9_]{1,60}$/.test(code)) return code;
    // One per address of a name.
    each = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return undefined;
}

const unsent: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** Whether a request has failed before there was a connection to send it by. */
export function isUnsent(error: unknown): boolean {
  const code = systemCode(error);
  return code !== undefined && (unsent.has(code) || /CERT|SELF_SIGNED|^UNABLE_TO_/.test(code));
}

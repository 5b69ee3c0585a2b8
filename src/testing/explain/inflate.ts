/** What this needs of `node:zlib`, which is asked for at run time: not every platform has it. */
type Inflate = (data: Uint8Array, options: { readonly maxOutputLength: number }) => Uint8Array;

/** Inflated bodies beyond this are not looked at; a small one could fill the memory. */
const MOST_BYTES = 1_048_576;

const functions: Readonly<Record<string, string>> = {
  gzip: "gunzipSync",
  deflate: "inflateSync",
  "raw deflate": "inflateRawSync",
  br: "brotliDecompressSync",
  zstd: "zstdDecompressSync",
};

/** Names the compression that the first bytes or the header `content-encoding` show; `undefined` for a plain body. */
export function compressionOf(body: Uint8Array, contentEncoding: string | undefined): string | undefined {
  const [first, second, third, fourth] = body;
  if (first === 0x1f && second === 0x8b) return "gzip";
  if (first === 0x28 && second === 0xb5 && third === 0x2f && fourth === 0xfd) return "zstd";
  if (first === 0x78 && (second === 0x01 || second === 0x5e || second === 0x9c || second === 0xda)) return "deflate";
  const named = contentEncoding?.trim().toLowerCase();
  // Brotli has no mark of its own, so a body that could be text counts as plain.
  if (named === "br" || named === "deflate") return isText(body) ? undefined : named === "deflate" ? "raw deflate" : named;
  return undefined;
}

/** Inflates a body, at most to 1 MiB; `undefined` where that fails, or where the platform cannot. */
export function inflate(body: Uint8Array, compression: string): Uint8Array | undefined {
  try {
    const zlib = globalThis.process?.getBuiltinModule?.("node:zlib") as unknown as
      | Readonly<Record<string, Inflate | undefined>>
      | undefined;
    return zlib?.[functions[compression] ?? ""]?.(body, { maxOutputLength: MOST_BYTES });
  } catch {
    // Not what it looked like, or larger than the limit.
    return undefined;
  }
}

function isText(body: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(body);
    return true;
  } catch {
    // Bytes that are no text.
    return false;
  }
}

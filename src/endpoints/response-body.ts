/** Reads a body, but no more of it than this; says whether there was more. */
export async function readUpTo(
  response: Response,
  mostBytes: number,
): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly isCut: boolean }> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let isCut = false;
  while (reader && !isCut) {
    const { done, value } = await reader.read();
    if (done) break;
    isCut = length + value.length > mostBytes;
    const kept = isCut ? value.subarray(0, mostBytes - length) : value;
    chunks.push(kept);
    length += kept.length;
  }
  // Nothing waits for the rest.
  if (isCut) reader?.cancel().catch(() => undefined);
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return { bytes, isCut };
}

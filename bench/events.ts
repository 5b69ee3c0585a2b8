/** The sizes of bodies that are measured, in bytes. */
export const sizes = [300, 2048, 65_536] as const;

/** A size as people write it. */
export function nameOfSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1_048_576 ? `${bytes / 1024} KB` : `${bytes / 1_048_576} MB`;
}

const hexOf = (serial: number): string => serial.toString(16).padStart(8, "0").repeat(4);

/** `avatar_video.success` of HeyGen in exactly this many bytes; another serial makes it another event. */
export function heygenBody(bytes: number, serial = 0): Buffer {
  const id = hexOf(serial);
  const file = (extension: string, signature: string): string =>
    `https://files2.heygen.ai/${id}/${id}.${extension}?Expires=1804032000&Signature=${signature}`;
  // The sparse form is what older guides show; current deliveries carry one signed URL per file.
  const rest =
    bytes < 1024
      ? { callback_id: "order_12345" }
      : {
          gif_download_url: file("gif", "a".repeat(344)),
          video_page_url: `https://app.heygen.com/videos/${id}`,
          video_share_page_url: `https://app.heygen.com/share/${id}`,
          folder_id: "folder-456",
          thumbnail_url: file("jpeg", "a".repeat(344)),
          duration: 45.2,
          callback_id: "order_12345",
        };
  return fill(bytes, (padding, segments) => ({
    event_type: "avatar_video.success",
    event_data: { video_id: id, url: file("mp4", padding), ...rest, ...(segments.length > 0 && { segments }) },
  }));
}

/** A succeeded task of Kling in exactly this many bytes. */
export function klingBody(bytes: number): Buffer {
  return fill(bytes, (padding, segments) => ({
    id: "883052907711791151",
    status: "succeeded",
    message: "",
    create_time: 1_772_600_000_000,
    update_time: 1_772_600_042_000,
    external_id: "order-7",
    outputs: [{ id: "v1", type: "video", url: `https://cdn.klingai.com/v.mp4?x=${padding}`, duration: "5.1" }],
    ...(segments.length > 0 && { segments }),
  }));
}

interface Segment {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Reaches a size by a longer signature in a URL and, beyond 4 KB, by a list in a field that no schema knows. */
function fill(bytes: number, build: (padding: string, segments: readonly Segment[]) => object): Buffer {
  const segments: Segment[] = [];
  const bare = JSON.stringify(build("", [])).length;
  let length = bare;
  while (bytes - length > 4096) {
    const start = segments.length * 2.5;
    segments.push({ start, end: start + 2.25, text: "A sentence of the transcript, about as long as captions are." });
    length += JSON.stringify(segments.at(-1)).length + 1;
  }
  const padding = bytes - JSON.stringify(build("", segments)).length;
  if (padding < 0) throw new Error(`An event of ${bytes} bytes is not possible; it takes ${bare} at least.`);
  const body = Buffer.from(JSON.stringify(build("a".repeat(padding), segments)));
  if (body.length !== bytes) throw new Error(`The event has ${body.length} bytes instead of ${bytes}.`);
  return body;
}

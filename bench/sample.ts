import { createHmac, timingSafeEqual } from "node:crypto";

/** A request as a framework hands it to the sample. */
export interface SampleRequest {
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/**
 * The receiver that the guides of the providers show, step for step: text from the raw body, HMAC under the secret as text, hex
 * digest, both signatures into buffers, comparison, JSON, and a switch over the types. No schema, no duplicates, no limits.
 */
export function sampleReceiver(
  secret: string,
  handleSuccess: (event: { readonly event_data: { readonly video_id: string } }) => Promise<void>,
): (request: SampleRequest) => Promise<number> {
  function isGenuine(payload: string, signature: string): boolean {
    const hmac = createHmac("sha256", secret);
    hmac.update(payload, "utf8");
    const expected = hmac.digest("hex");
    return timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
  }

  return async function receiveByHand({ headers, body }) {
    const payload = body.toString();
    if (!isGenuine(payload, headers.signature ?? "")) return 401;
    const event = JSON.parse(payload);
    switch (event.event_type) {
      case "avatar_video.success":
        await handleSuccess(event);
        break;
      case "avatar_video.fail":
        throw new Error("No such event takes part.");
      default:
        break;
    }
    return 200;
  };
}

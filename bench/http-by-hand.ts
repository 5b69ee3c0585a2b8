import { createHmac, timingSafeEqual } from "node:crypto";

/** The part of an event that a receiver written by hand declares. */
export interface HandWrittenEvent {
  readonly event_type: string;
  readonly event_data: { readonly video_id: string };
}

/** What a receiver written by hand answers; as long as the answer of the library. */
export interface HandWrittenAnswer {
  readonly handled: boolean;
  readonly event_type: string;
  readonly video_id: string;
}

/** The check that the providers' guides show, step for step, with the comparison of lengths that they leave out. */
export function isGenuine(payload: string, signature: unknown, secret: string): boolean {
  if (typeof signature !== "string") return false;
  const expected = createHmac("sha256", secret).update(payload, "utf8").digest("hex");
  return signature.length === expected.length && timingSafeEqual(Buffer.from(signature), Buffer.from(expected));
}

/** Makes the switch over event types that the guides show. */
export function handWrittenRoutes(
  onSuccess: (event: HandWrittenEvent) => Promise<void>,
): (event: HandWrittenEvent) => Promise<HandWrittenAnswer> {
  return async function handleEvent(event) {
    const { event_type, event_data } = event;
    switch (event_type) {
      case "avatar_video.success":
        await onSuccess(event);
        break;
      case "avatar_video.fail":
        throw new Error("No such event takes part.");
      default:
        return { handled: false, event_type, video_id: "" };
    }
    return { handled: true, event_type, video_id: event_data.video_id };
  };
}

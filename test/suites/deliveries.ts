import type { Delivery } from "../../src/delivery.ts";
import { signHex, toBytes } from "./signer.ts";

/** The secret that {@link signed} signs with. */
export const secret = "whsec_of-the-tests";

/** A success event of HeyGen and KonPro with a video id. */
export function success(videoId: string, fields: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    event_type: "avatar_video.success",
    event_data: { video_id: videoId, url: "https://files.example.test/v.mp4", ...fields },
  });
}

/** A signed POST of any body, as HeyGen sends it. */
export async function signed(body: string | Uint8Array, changes: Partial<Delivery> = {}): Promise<Delivery> {
  const bytes = toBytes(body);
  return { method: "POST", url: "/webhooks/heygen", headers: { signature: await signHex(secret, bytes) }, body: bytes, ...changes };
}

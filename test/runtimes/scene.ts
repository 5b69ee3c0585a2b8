import { readFile } from "node:fs/promises";
import { entryPoints } from "../package/entry-points.ts";
import { signHex, signStandardWebhooks } from "../suites/signer.ts";

/** A delivery as a provider sends it, signed by nothing of the library. */
export interface SignedDelivery {
  readonly provider: string;
  readonly type: string;
  readonly secret: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** What the router calls the event. */
  readonly id: string;
}

/** What the programs are given, as JSON. */
export interface Scene {
  readonly vectors: {
    readonly rfc: readonly { readonly source: string; readonly key: string; readonly data: string; readonly hex: string }[];
    readonly prefixed: readonly PrefixedVector[];
    readonly signed: readonly {
      readonly source: string;
      readonly secret: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly data: string;
    }[];
  };
  readonly deliveries: readonly SignedDelivery[];
  /** Names of exports by entry point. */
  readonly entryPoints: Readonly<Record<string, readonly string[]>>;
}

interface PrefixedVector {
  readonly source: string;
  readonly secret: string;
  readonly body: string;
  readonly header: string;
}

interface Published {
  readonly hmac_sha256: readonly { readonly source: string; readonly key_hex: string; readonly data_hex: string; readonly hex: string }[];
  readonly sha256_prefix: readonly PrefixedVector[];
  readonly standard_webhooks: readonly {
    readonly source: string;
    readonly secret: string;
    readonly id: string;
    readonly timestamp: string;
    readonly body: string;
    readonly signature: string;
  }[];
}

/** Makes the scene. Its deliveries are signed now, and Kling's are valid for five minutes. */
export async function createScene(): Promise<Scene> {
  return { vectors: await readVectors(), deliveries: await signDeliveries(), entryPoints: await readEntryPoints() };
}

async function readVectors(): Promise<Scene["vectors"]> {
  const file = new URL("../vectors/signatures.json", import.meta.url);
  const { hmac_sha256, sha256_prefix, standard_webhooks } = JSON.parse(await readFile(file, "utf8")) as Published;
  // verify() takes a secret as text, and refuses a blank one.
  const isSecret = ({ key_hex }: Published["hmac_sha256"][number]): boolean => {
    const key = Buffer.from(key_hex, "hex");
    return Buffer.from(key.toString()).equals(key) && key.toString().trim() !== "";
  };
  const published = standard_webhooks.map(({ source, secret, id, timestamp, body, signature }) => ({
    source,
    secret,
    headers: { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature },
    data: Buffer.from(body).toString("hex"),
  }));
  // A secret is a text, except in base64. Keys that are none are tried by what the signer makes of them, after it made the published digest.
  const resigned = hmac_sha256
    .filter((vector) => !isSecret(vector))
    .map(async ({ source, key_hex, data_hex, hex }) => {
      const [key, data] = [Buffer.from(key_hex, "hex"), Buffer.from(data_hex, "hex")];
      if ((await signHex(key, data)) !== hex) throw new Error(`The signer does not make the digest of ${source}.`);
      const secret = `whsec_${key.toString("base64")}`;
      const headers = await signStandardWebhooks(secret, { id: "msg_1", timestamp: "1614265330", body: data });
      return { source: `key and data of ${source}`, secret, headers, data: data_hex };
    });
  return {
    rfc: hmac_sha256.filter(isSecret).map(({ source, key_hex, data_hex, hex }) => {
      return { source, key: Buffer.from(key_hex, "hex").toString(), data: data_hex, hex };
    }),
    prefixed: sha256_prefix,
    signed: [...published, ...(await Promise.all(resigned))],
  };
}

async function signDeliveries(): Promise<readonly SignedDelivery[]> {
  const now = new Date();
  const hexSecret = "whsec_of-the-runtimes";
  const klingSecret = `whsec_${Buffer.from("thirty-two bytes are a good key!").toString("base64")}`;
  const heygen = JSON.stringify({
    event_type: "avatar_video.success",
    event_data: { video_id: "hv_1", url: "https://files.example.test/grüße-😀.mp4" },
  });
  const konpro = JSON.stringify({ event_type: "avatar_video.fail", event_data: { video_id: "kv_1", msg: "Zu dunkel: 太暗" } });
  const videopilot = JSON.stringify({
    event: "render.completed",
    data: { render_job_id: "r_1", video_id: "v_1", output_url: "https://files.example.test/día.mp4" },
    timestamp: now.toISOString(),
  });
  const kling = JSON.stringify({ id: "t_1", status: "succeeded", message: "完成", update_time: now.getTime() });
  const message = { id: "msg_1", timestamp: Math.floor(now.getTime() / 1000), body: kling };
  const json = { "content-type": "application/json" };
  return [
    {
      provider: "heygen",
      type: "avatar_video.success",
      secret: hexSecret,
      headers: { ...json, signature: await signHex(hexSecret, heygen) },
      body: heygen,
      id: "heygen/default/avatar_video.success/hv_1",
    },
    {
      provider: "konpro",
      type: "avatar_video.fail",
      secret: hexSecret,
      headers: { ...json, "x-konpro-signature": await signHex(hexSecret, konpro) },
      body: konpro,
      id: "konpro/default/avatar_video.fail/kv_1",
    },
    {
      provider: "videopilot",
      type: "render.completed",
      secret: hexSecret,
      headers: { ...json, "x-videopilot-signature": `sha256=${await signHex(hexSecret, videopilot)}` },
      body: videopilot,
      id: `videopilot/default/render.completed/r_1/${now.toISOString()}`,
    },
    {
      provider: "kling",
      type: "task.succeeded",
      secret: klingSecret,
      headers: { ...json, ...(await signStandardWebhooks(klingSecret, message)) },
      body: kling,
      id: "kling/default/msg_1",
    },
  ];
}

/** As this Node.js sees the built package, with all peers there; `exports.test.ts` says what they should be. */
async function readEntryPoints(): Promise<Scene["entryPoints"]> {
  const exported = entryPoints.map(async ({ name }) => [name, Object.keys((await import(name)) as object).sort()] as const);
  return Object.fromEntries(await Promise.all(exported));
}

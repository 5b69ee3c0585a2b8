import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { signHex, signStandardWebhooks } from "./signer.ts";

interface Vectors {
  readonly hmac_sha256: readonly { readonly source: string; readonly key_hex: string; readonly data_hex: string; readonly hex: string }[];
  readonly sha256_prefix: readonly { readonly source: string; readonly secret: string; readonly body: string; readonly header: string }[];
  readonly standard_webhooks: readonly {
    readonly source: string;
    readonly secret: string;
    readonly id: string;
    readonly timestamp: string;
    readonly body: string;
    readonly signature: string;
  }[];
}

const vectors = JSON.parse(readFileSync(new URL("../vectors/signatures.json", import.meta.url), "utf8")) as Vectors;

describe("P6: the signer of the suites, which shares no code with the library,", () => {
  it.each(vectors.hmac_sha256)("signs $source as published", async ({ key_hex, data_hex, hex }) => {
    const bytes = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
    expect(await signHex(bytes(key_hex), bytes(data_hex))).toBe(hex);
  });

  it.each(vectors.sha256_prefix)("signs $source as published", async ({ secret, body, header }) => {
    expect(`sha256=${await signHex(secret, body)}`).toBe(header);
  });

  it.each(vectors.standard_webhooks)("signs $source as published", async ({ source: _, secret, signature, ...message }) => {
    expect((await signStandardWebhooks(secret, message))["webhook-signature"]).toBe(signature);
  });
});

// The published signature vectors.

import assert from "node:assert/strict";
import { standardWebhooks, verify } from "video-webhooks";

const encode = (text) => new TextEncoder().encode(text);
const bytesOf = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

/** A text with another character at one place. */
const changedAt = (text, at) => `${text.slice(0, at)}${text[at] === "0" ? "1" : "0"}${text.slice(at + 1)}`;

/** @param vectors `rfc` with keys that are a text, `signed` with any key by Standard Webhooks, and `prefixed` as in GitHub's documentation */
export function vectorCases({ rfc, signed, prefixed }) {
  return [
    ...rfc.map(({ source, key, data, hex }) => ({
      name: `verify() takes ${source}, and refuses it with any digit changed`,
      run: async () => checkHex(bytesOf(data), hex, key, 0),
    })),
    ...prefixed.map(({ source, secret, body, header }) => ({
      name: `verify() takes ${source}, and refuses it with any digit changed`,
      run: async () => checkHex(encode(body), header, secret, "sha256=".length),
    })),
    ...signed.map(({ source, secret, headers, data }) => ({
      name: `standardWebhooks() takes ${source}, and refuses it with any character changed`,
      run: async () => checkStandardWebhooks(bytesOf(data), headers, secret),
    })),
  ];
}

function checkHex(body, header, secret, digitsAt) {
  assert.equal(verify(body, header, secret), true);
  for (let at = digitsAt; at < header.length; at++) assert.equal(verify(body, changedAt(header, at), secret), false, `digit ${at}`);
  assert.equal(verify(body, header, `${secret}!`), false);
  for (const other of changedBodies(body)) assert.equal(verify(other, header, secret), false);
}

function checkStandardWebhooks(body, headers, secret) {
  const check = standardWebhooks().check(secret);
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature } = headers;
  assert.deepEqual(check(headers, body), { matched: true, id, timestampSeconds: Number(timestamp) });
  for (let at = "v1,".length; at < signature.length - 1; at++) {
    const { refused } = check({ ...headers, "webhook-signature": changedAt(signature, at) }, body);
    assert.equal(refused, "signature_mismatch", `character ${at}`);
  }
  assert.equal(check({ ...headers, "webhook-id": `${id}0` }, body).refused, "signature_mismatch");
  assert.equal(check({ ...headers, "webhook-timestamp": String(Number(timestamp) + 1) }, body).refused, "signature_mismatch");
  for (const other of changedBodies(body)) assert.equal(check(headers, other).refused, "signature_mismatch");
}

/** A body with one bit changed, at each bit, and with a byte more. */
function* changedBodies(body) {
  for (let bit = 0; bit < body.length * 8; bit++) {
    const other = body.slice();
    other[bit >> 3] ^= 1 << (bit & 7);
    yield other;
  }
  const longer = new Uint8Array(body.length + 1);
  longer.set(body);
  yield longer;
}

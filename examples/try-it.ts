// What the framework examples share so that they can be tried at once: values from the environment, and a signed delivery to paste.

import { hexSignature } from "./sign.ts";

/** A whole number from the environment. Anything else ends the program with a sentence, rather than being taken for the default. */
export function numberFrom(variable: string, given: { readonly fallback: number; readonly from: number; readonly to: number }): number {
  const { fallback, from, to } = given;
  const text = process.env[variable];
  if (text === undefined) return fallback;
  if (/^\d{1,9}$/.test(text) && Number(text) >= from && Number(text) <= to) return Number(text);
  console.error(`${variable} must be a number from ${from} to ${to}, but is "${text}".`);
  process.exit(1);
}

/** A secret from the environment, or one made for this run. */
export function secretFrom(variable: string): string {
  return process.env[variable] ?? `whsec_${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(24))))}`;
}

/** Prints where HeyGen's deliveries go, and a command that sends one. */
export async function printTryIt(url: string, secret: string): Promise<void> {
  const body = JSON.stringify({
    event_type: "avatar_video.success",
    event_data: { video_id: "hv_101", url: "https://files.example.test/hv_101.mp4" },
  });
  const curl = `curl -X POST ${url} -H 'content-type: application/json' -H 'signature: ${await hexSignature(secret, body)}' -d '${body}'`;
  const origin = process.env.HEYGEN_WEBHOOK_SECRET === undefined ? `${secret} (made for this run)` : "from HEYGEN_WEBHOOK_SECRET";
  console.log(`Waiting for deliveries of HeyGen:\n\n  ${url}\n  secret ${origin}\n\nSend one:\n\n  ${curl}\n\nStop with Ctrl+C.`);
}

/** Ends the program with the reason why a server does not listen. */
export function exitUnheard(error: NodeJS.ErrnoException, port: number, example: string): never {
  const advice = `Port ${port} is in use. Choose another one: PORT=${port + 1} npm run example ${example}`;
  console.error(error.code === "EADDRINUSE" ? advice : error.message);
  process.exit(1);
}

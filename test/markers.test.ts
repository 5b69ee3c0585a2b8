import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { nodeHandler } from "../src/adapters/node.ts";
import type { AnyWebhookError } from "../src/errors.ts";
import { heygen } from "../src/providers/heygen.ts";
import { kling } from "../src/providers/kling.ts";
import { createRouter } from "../src/router.ts";
import { verify } from "../src/verify.ts";
import { listen } from "./suites/raw-http.ts";
import { signHex } from "./suites/signer.ts";

const secret = "whsec_SECRET-MARKER";
const token = "TOKEN-MARKER-0f8fad5b";

describe("P46", () => {
  it("no response, error or log line has a part of a secret, a signature or a payload", async () => {
    const said: string[] = [];
    const write = (line: string): void => void said.push(line);
    const logger = { debug: write, info: write, warn: write, error: write };
    const hear = (error: AnyWebhookError): void => {
      // The cause is what the application threw; everything else is ours.
      const { cause: _cause, ...own } = error;
      said.push(error.message, error.stack?.split("\n")[0] ?? "", inspect(own), JSON.stringify(error));
    };
    const failing = (): never => {
      throw new Error("PAYLOAD-MARKER in the application's own error");
    };
    const routers = [
      createRouter(heygen({ secret, token }), { logger, maxBodyBytes: 5000 }).on("avatar_video.fail", failing),
      createRouter(heygen({ unsigned: true }), { logger, maxBodyBytes: 5000 }).on("avatar_video.fail", failing),
      createRouter(kling({ secret: `whsec_${btoa("SECRET-MARKER")}` }), { logger }),
      createRouter(
        heygen({
          secret: () => {
            throw new Error("SECRET-MARKER");
          },
        }),
        { logger },
      ),
      createRouter(heygen({ secret: () => " SECRET-MARKER" }), { logger }),
    ].map((router) => router.onError(hear));
    const event = (type: string, data: string) => `{"event_type":"${type}","event_data":${data},"note":"PAYLOAD-MARKER"}`;
    const bodies = [
      event("avatar_video.success", '{"video_id":"v","url":"PAYLOAD-MARKER"}'),
      event("avatar_video.success", '{"video_id":["PAYLOAD-MARKER"],"PAYLOAD-MARKER":{"PAYLOAD-MARKER":1}}'),
      event("avatar_video.fail", '{"video_id":"v","error":"PAYLOAD-MARKER"}'),
      event("personalized_video", '{"contact_info":{"PAYLOAD-MARKER":[]},"video_url":7}'),
      event("batch.finished", '{"batch_id":"b","counts_by_status":{"PAYLOAD-MARKER":{}},"items":[{"status":{"PAYLOAD-MARKER":1}}]}'),
      event("new.event", '"PAYLOAD-MARKER"'),
      "PAYLOAD-MARKER",
      '{"PAYLOAD-MARKER":',
      '["PAYLOAD-MARKER"]',
      '{"note":"PAYLOAD-MARKER"}',
      "PAYLOAD-MARKER".repeat(1000),
      '{"id":"t","status":"PAYLOAD MARKER","task_status":["PAYLOAD-MARKER"]}',
    ];
    for (const router of routers) {
      const { url, close } = await listen(nodeHandler(router));
      for (const body of bodies) {
        const good = await signHex(secret, body);
        for (const signature of [good, `${good}SIGNATURE-MARKER`, "SIGNATURE-MARKER", "f".repeat(64)]) {
          for (const query of ["", `?token=${token}`, "?token=TOKEN-MARKER"]) {
            const headers = {
              signature,
              "webhook-id": "SIGNATURE-MARKER",
              "webhook-timestamp": "1",
              "webhook-signature": `v1,SIGNATURE-MARKER ${signature}`,
            };
            const answer = await fetch(url + query, { method: "POST", headers, body });
            said.push(await answer.text(), inspect([...answer.headers]));
            if (signature !== good) expect(answer.status).not.toBe(undefined);
            said.push(...[good].filter((each) => said.some((line) => line.includes(each))).map(() => "SIGNATURE-MARKER was said"));
          }
        }
      }
      await close();
    }
    expect(said.length).toBeGreaterThan(1000);
    expect(said.filter((line) => /MARKER/.test(line))).toEqual([]);
  });

  it("errors at construction name no secret", () => {
    for (const wrong of [" SECRET-MARKER", "SECRET-MARKER\n", ["SECRET-MARKER", " SECRET-MARKER"]]) {
      expect(() => heygen({ secret: wrong })).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/MARKER/) }));
      expect(() => verify("", "", wrong)).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/MARKER/) }));
    }
    expect(() => heygen({ token: "TOKEN-MARKER " })).toThrow(expect.objectContaining({ message: expect.not.stringMatching(/MARKER/) }));
    expect(() => kling({ secret: "whsec_SECRET-MARKER", scheme: "standard-webhooks" })).toThrow(
      expect.objectContaining({ message: expect.not.stringMatching(/MARKER/) }),
    );
  });
});

// Compiles only: guards what a user's editor says. Each expected error would be a missing one if the line compiled.
import { createServer } from "node:http";
import { nodeHandler } from "../../src/adapters/node.ts";
import { createMemoryStore } from "../../src/idempotency/memory.ts";
import {
  type AnyRouter,
  type AnyWebhookError,
  createRouter,
  defineProvider,
  type EventsOf,
  hmacHex,
  type Outcome,
  type VideoJob,
  verify,
} from "../../src/index.ts";
import { type HeyGenEvent, type HeyGenEventOf, type HeyGenEventType, heygen, heygenEvents } from "../../src/providers/heygen.ts";
import { kling } from "../../src/providers/kling.ts";
import { konpro } from "../../src/providers/konpro.ts";
import { videopilot } from "../../src/providers/videopilot.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type IsAny<T> = 0 extends 1 & T ? true : false;
const yes = <T extends true>(..._proof: T[]): void => undefined;

declare const env: Record<string, string | undefined>;

// The snippet of the README: an unset variable is a matter of run time, not of types.
const router = createRouter(heygen({ secret: env.HEYGEN_WEBHOOK_SECRET }));

router
  .on("avatar_video.success", (event, context) => {
    yes<Equal<typeof event, HeyGenEventOf<"avatar_video.success">>>();
    yes<Equal<typeof event.event_data.video_id, string>>();
    yes<Equal<typeof event.event_data.url, string | null | undefined>>();
    yes<Equal<typeof context.type, "avatar_video.success">>();
    yes<Equal<typeof context.job, VideoJob | undefined>>();
    // @ts-expect-error a misspelt field is an error although unknown fields are kept
    event.event_data.vdeo_id;
    // @ts-expect-error url may be missing
    event.event_data.url.length;
  })
  .on(["avatar_video.fail", "video_translate.fail"], (event, { type }) => {
    yes<Equal<typeof event, HeyGenEventOf<"avatar_video.fail"> | HeyGenEventOf<"video_translate.fail">>>();
    yes<Equal<typeof type, "avatar_video.fail" | "video_translate.fail">>();
    if (event.event_type === "avatar_video.fail") yes<Equal<typeof event.event_data.video_id, string>>();
  })
  .on("avatar_video.*", (event) => {
    yes<Equal<typeof event.event_type, "avatar_video.success" | "avatar_video.fail">>();
  })
  .on("video_translate.*", (event) => {
    yes<
      Equal<
        typeof event.event_type,
        | "video_translate.success"
        | "video_translate.fail"
        | "video_translate.preflight.validation_failed"
        | "video_translate.preflight.download_failed"
      >
    >();
  })
  .on("video_translate.preflight.*", async () => undefined)
  .on("personalized_video", ({ event_data }) => event_data.landing_page_url)
  .onAny((event, context) => {
    yes<Equal<typeof event, HeyGenEvent>>();
    yes<Equal<typeof context.type, HeyGenEventType>>();
  })
  .onUnknown((event) => {
    yes<Equal<typeof event.body, unknown>>();
    yes<Equal<typeof event.type, string>>();
  })
  .onJob(["succeeded", "failed"], (job) => job.outputs[0]?.url)
  .onJob("*", (job) => job.status)
  .onError((error) => {
    yes<Equal<typeof error, AnyWebhookError>>();
    if (error.name === "VerificationError") {
      // @ts-expect-error the code narrows with the class
      error.code === "handler_failed";
    }
  });

// @ts-expect-error a misspelt event type
router.on("avatar_video.succes", () => undefined);
// @ts-expect-error one misspelt event type among several
router.on(["avatar_video.success", "avatar_video.fial"], () => undefined);
// @ts-expect-error a family that does not exist
router.on("avatar.*", () => undefined);
// @ts-expect-error the same for off
router.off("avatar_video.succes", () => undefined);
// @ts-expect-error an event of another provider
router.on("render.completed", () => undefined);
// @ts-expect-error a job status that does not exist
router.onJob("done", () => undefined);

// Exactly one of secret, token, unsigned; or secret and token.
heygen({ secret: ["a", "b"] });
heygen({ secret: ({ url }) => (url === "/a" ? "a" : undefined) });
heygen({ secret: async () => ["a"] });
heygen({ secret: "a", token: "b" });
konpro({ token: "a" });
kling({ unsigned: true });
kling({ secret: "a", scheme: "hex", maxAgeSeconds: 300 });
videopilot({ secret: "a", maxAgeSeconds: 300, header: ["x"], endpoint: "e" });
// @ts-expect-error nothing is configured
heygen({});
// @ts-expect-error nothing at all
heygen();
// @ts-expect-error unsigned cannot be combined with a secret
heygen({ secret: "a", unsigned: true });
// @ts-expect-error unsigned cannot be combined with a token
heygen({ token: "a", unsigned: true });
// @ts-expect-error unsigned is true or absent
heygen({ unsigned: false });
// @ts-expect-error HeyGen signs no time, so there is nothing that maxAgeSeconds could be held against
heygen({ secret: "a", maxAgeSeconds: 300 });
// @ts-expect-error a misspelt option
heygen({ secert: "a" });
// @ts-expect-error a misspelt option of the router
createRouter(heygen({ secret: "a" }), { deadline: 5 });

createRouter(kling({ secret: "a" }))
  .on("task.succeeded", (event) => {
    // The two callback shapes are told apart by task_status.
    if (event.task_status === undefined) yes<Equal<typeof event.id, string>>();
    else yes<Equal<typeof event.task_id, string>>();
  })
  .on("video.completed", (event) => event.data.job_id)
  .on("task.*", (event) => event);
createRouter(videopilot({ secret: "a" })).on("render.completed", (event) => yes<Equal<typeof event.data.render_job_id, string>>());

// Fits what the platforms call.
createServer(nodeHandler(router));
const worker: { fetch(request: Request): Promise<Response> } = { fetch: router.fetch };
console.log.bind(worker);
createRouter(heygen({ secret: "a" }), { logger: console, idempotency: createMemoryStore() });

// Routers of different providers share what does not depend on their events.
const several: AnyRouter[] = [router, createRouter(kling({ secret: "a" })), createRouter(konpro({ unsigned: true }))];
for (const each of several) each.onJob("failed", (job) => job.error?.message).onError((error) => error.code);

// An event is dispatched under its own type only.
const fail = { event_type: "avatar_video.fail" as const, event_data: { video_id: "v" } };
router.dispatch(fail, { type: "avatar_video.fail", id: "key" });
router.dispatch({ type: "new.event", body: {} }, { type: "new.event", id: "key" });
// @ts-expect-error a misspelt type
router.dispatch(fail, { type: "avatar_video.fial", id: "key" });
// @ts-expect-error an unknown event under a declared type
router.dispatch({ type: "avatar_video.success", body: 1 }, { type: "avatar_video.success", id: "key" });
// @ts-expect-error an unknown event under another type
router.dispatch({ type: "new.event", body: 1 }, { type: "newer.event", id: "key" });
// @ts-expect-error the type of another event
router.dispatch(fail, { type: "batch.finished", id: "key" });

// Schemas and derived types stand on their own.
const parsed = heygenEvents["avatar_video.success"].parse({});
yes<Equal<typeof parsed, HeyGenEventOf<"avatar_video.success">>>();
yes<Equal<EventsOf<typeof heygen>["avatar_video.fail"], HeyGenEventOf<"avatar_video.fail">>>();
// @ts-expect-error a type that does not exist
type Missing = HeyGenEventOf<"video.done">;
declare const missing: Missing;
console.log.bind(missing);

// A provider of one's own is typed like the built-in ones.
const own = defineProvider({
  name: "own",
  signature: hmacHex({ headers: ["x-own"] }),
  events: { "clip.done": heygenEvents["avatar_video.success"], "clip.lost": heygenEvents["avatar_video.fail"] },
  eventType: (body) => (typeof body.kind === "string" ? body.kind : undefined),
  dedupeKey: (event, type) => {
    yes<Equal<typeof type, "clip.done" | "clip.lost">>();
    return [type, event.event_data.video_id];
  },
  toJob: () => undefined,
  ackDeadlineMs: 1000,
});
createRouter(own({ secret: "a" })).on("clip.*", (event) => event.event_data.video_id);
// @ts-expect-error its types are known too
createRouter(own({ secret: "a" })).on("clip.don", () => undefined);

// verify answers at once; a promise would always be true.
yes<Equal<ReturnType<typeof verify>, boolean>>();
// @ts-expect-error a parsed body
verify({ event: "x" }, "header", "secret");
// @ts-expect-error no secret
verify("body", "header", undefined);
verify(new Uint8Array(), ["header"], ["a", "b"], { scheme: "sha256=" });
// @ts-expect-error a scheme that does not exist
verify("body", null, "secret", { scheme: "sha1=" });

// No public type is any.
type Public = typeof import("../../src/index.ts");
type AnyKeys<T> = { [Key in keyof T]-?: IsAny<T[Key]> extends true ? Key : never }[keyof T];
yes<Equal<AnyKeys<Public>, never>>();
yes<Equal<AnyKeys<HeyGenEventOf<"avatar_video.success">["event_data"]>, never>>();
yes<Equal<AnyKeys<Outcome>, never>>();
yes<Equal<IsAny<Parameters<Parameters<typeof router.onAny>[0]>[0]>, false>>();

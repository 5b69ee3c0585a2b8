import type { HandlerContext } from "../../src/context.ts";
import type { AnyRouter, Router, RouterOptions } from "../../src/router.ts";
import { objectsOf } from "./objects.ts";
import type { Receiver } from "./receivers.ts";

/** What went on inside of a router, beside its outcomes. */
export interface Watched {
  readonly router: AnyRouter;
  /** What a handler saw that it must never see; emptied by whoever reads it. */
  readonly problems: string[];
}

/** Makes the router of a receiver, with handlers that look closely at what they get. */
export function watch(receiver: Receiver, options?: RouterOptions): Watched {
  const problems: string[] = [];
  const router = receiver.createRouter(options);
  const look = (event: unknown, context: HandlerContext): void => {
    for (const each of objectsOf(event)) {
      const expected = Array.isArray(each) ? Array.prototype : Object.prototype;
      if (Object.getPrototypeOf(each) !== expected) problems.push("an object of the event has another prototype");
    }
    if (!/^[\x21-\x7e]{1,600}$/.test(context.id)) problems.push("context.id is not short printable ASCII");
  };
  (router as Router<string, Record<string, unknown>>).onAny((event, context) => {
    look(event, context);
    const named = (event as Readonly<Record<string, unknown>>)[receiver.typeField];
    // Callbacks of Kling name a state instead of a type.
    if (typeof named === "string" && named !== "" && named !== context.type) problems.push("the type is not that of the event");
  });
  router.onUnknown(({ body, type }, context) => {
    look(body, context);
    if (type !== context.type || type === "") problems.push("an unknown event has another type than its context");
  });
  router.onJob("*", (job) => {
    look(job.outputs, { id: "job" } as HandlerContext);
    if (typeof job.id !== "string" || job.id === "") problems.push("a job has no id");
    if (!job.outputs.every(({ url }) => typeof url === "string" && url !== "")) problems.push("a job has an output without a URL");
    if (job.progress !== undefined && !(job.progress >= 0 && job.progress <= 1)) problems.push("a job has progress beyond its limits");
    if (job.occurredAt && Number.isNaN(job.occurredAt.getTime())) problems.push("a job has a time that is none");
  });
  router.onError(({ code, message }) => {
    if (["configuration", "handler_failed", "store_unavailable"].includes(code)) problems.push(`onError got ${code}: ${message}`);
  });
  return { router, problems };
}

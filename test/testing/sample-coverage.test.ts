import { describe, expect, it } from "vitest";
import * as z from "zod";
import { heygenEvents } from "../../src/providers/heygen.ts";
import { klingEvents } from "../../src/providers/kling.ts";
import { konproEvents } from "../../src/providers/konpro.ts";
import { videopilotEvents } from "../../src/providers/videopilot.ts";
import { type SampleProvider, samplePayload, sampleProviders, sampleTypes } from "../../src/testing/index.ts";

/** What is read of a zod schema. */
interface Definition {
  readonly type: string;
  readonly shape?: Readonly<Record<string, unknown>>;
  readonly innerType?: unknown;
  readonly element?: unknown;
  readonly options?: readonly unknown[];
  readonly in?: unknown;
  readonly out?: unknown;
}

const leaves = ["string", "number", "boolean", "literal", "enum", "unknown", "undefined", "transform", "record"];

/** The path of every field that a schema declares, such as `data.clips[].title`. */
function pathsOf(schema: unknown, at = ""): readonly string[] {
  const { type, shape = {}, innerType, element, options = [], ...pipe } = (schema as { readonly def: Definition }).def;
  if (type === "object") {
    return Object.entries(shape).flatMap(([name, field]) => {
      const path = at === "" ? name : `${at}.${name}`;
      return [path, ...pathsOf(field, path)];
    });
  }
  if (type === "optional" || type === "nullable") return pathsOf(innerType, at);
  if (type === "array") return pathsOf(element, `${at}[]`);
  if (type === "union") return options.flatMap((option) => pathsOf(option, at));
  if (type === "pipe") return [...pathsOf(pipe.in, at), ...pathsOf(pipe.out, at)];
  if (leaves.includes(type)) return [];
  throw new Error(`The schema at "${at}" is of the type ${type}, which this test cannot look into yet.`);
}

/** The path of every field of a value that has a value of its own. */
function filledIn(value: unknown, at = ""): readonly string[] {
  if (value === null || value === undefined || value === "") return [];
  const own = at === "" ? [] : [at];
  if (Array.isArray(value)) return [...own, ...value.flatMap((each) => filledIn(each, `${at}[]`))];
  if (typeof value !== "object") return own;
  return [...own, ...Object.entries(value).flatMap(([name, field]) => filledIn(field, at === "" ? name : `${at}.${name}`))];
}

/** The fields of a schema that no sample fills in; of those inside a field that is missing, only that one. */
function uncovered(schema: unknown, samples: readonly unknown[]): readonly string[] {
  const filled = new Set(samples.flatMap((sample) => filledIn(sample)));
  const missing = [...new Set(pathsOf(schema))].filter((path) => !filled.has(path));
  return missing.filter((path) => !missing.some((other) => path.startsWith(`${other}.`) || path.startsWith(`${other}[]`)));
}

const schemas: Readonly<Record<SampleProvider, Readonly<Record<string, unknown>>>> = {
  heygen: heygenEvents,
  konpro: konproEvents,
  videopilot: videopilotEvents,
  kling: klingEvents,
};

/** Fields that are deliberately without a sample, and why. */
interface Exception {
  readonly provider: SampleProvider;
  readonly types: RegExp;
  readonly fields: readonly string[];
  readonly reason: string;
}

const inside = (name: string, fields: readonly string[]): readonly string[] => fields.map((field) => `${name}.${field}`);
const failures = inside("event_data", ["error", "msg", "message", "error_message", "failure_message", "failure_code", "reason"]);
const without = (fields: readonly string[], ...names: readonly string[]) =>
  fields.filter((field) => !names.includes(field.split(".")[1] ?? ""));
const videoFiles = inside("event_data", [
  "url",
  "gif_download_url",
  "video_page_url",
  "video_share_page_url",
  "folder_id",
  "video_url",
  "thumbnail_url",
  "duration",
]);
const videoResults = inside("data", ["video_url", "thumbnail_url", "duration", "completed_at"]);

const exceptions: readonly Exception[] = [
  {
    provider: "heygen",
    types: /\.success$/,
    fields: failures,
    reason: "A success has no failure; one schema serves both ends of a job.",
  },
  {
    provider: "heygen",
    types: /^avatar_video.*\.fail$/,
    fields: [...videoFiles, ...inside("event_data", ["caption_url", "subtitle_url"])],
    reason: "A failure has no files; one schema serves both ends of a job.",
  },
  {
    provider: "heygen",
    types: /^(video_translate|video_agent)\.fail$/,
    fields: inside("event_data", ["url", "video_url"]),
    reason: "A failure has no files; one schema serves both ends of a job.",
  },
  {
    provider: "heygen",
    types: /^avatar_video_(gif|caption)\.fail$/,
    fields: without(failures, "error", "msg"),
    reason: "The other spellings of a failure are the same part of a schema, with samples of avatar_video.fail.",
  },
  {
    provider: "heygen",
    types: /^video_translate\.fail$/,
    fields: without(failures, "error", "message"),
    reason: "The other spellings of a failure are the same part of a schema, with samples of avatar_video.fail.",
  },
  {
    provider: "heygen",
    types: /^personalized_video$/,
    fields: without(failures, "error", "msg"),
    reason: "The other spellings of a failure are the same part of a schema, with samples of avatar_video.fail.",
  },
  {
    provider: "heygen",
    types: /^ai_clipping\.fail$/,
    fields: inside("event_data.clips[]", ["video_url", "thumbnail_url", "duration_seconds", "aspect_ratio", "virality_score"]),
    reason: "Where the job failed, no clip has a file; clips with files are in the samples of ai_clipping.success.",
  },
  {
    provider: "konpro",
    types: /./,
    fields: ["event_id", "created_at"],
    reason: "Fields of HeyGen's envelope, whose schemas KonPro's events share; KonPro names neither.",
  },
  {
    provider: "konpro",
    types: /./,
    fields: ["event_data.callback_url"],
    reason: "A field of HeyGen, whose schemas KonPro's events share; KonPro does not name it.",
  },
  {
    provider: "konpro",
    types: /\.success$/,
    fields: failures,
    reason: "A success has no failure; one schema serves both ends of a job.",
  },
  {
    provider: "konpro",
    types: /^avatar_video\.success$/,
    fields: inside("event_data", ["video_page_url", "video_url", "thumbnail_url", "duration"]),
    reason: "Fields of HeyGen, whose schemas KonPro's events share; KonPro does not name them.",
  },
  {
    provider: "konpro",
    types: /^avatar_video_gif\.success$/,
    fields: without(videoFiles, "url"),
    reason: "KonPro says only that these are like avatar_video.success, whose samples have what it names.",
  },
  {
    provider: "konpro",
    types: /^avatar_video.*\.fail$/,
    fields: videoFiles,
    reason: "A failure has no files; one schema serves both ends of a job.",
  },
  {
    provider: "konpro",
    types: /^video_translate\.fail$/,
    fields: ["event_data.url"],
    reason: "A failure has no files; one schema serves both ends of a job.",
  },
  {
    provider: "konpro",
    types: /^avatar_video\.fail$/,
    fields: [...without(failures, "error", "msg"), "event_data.error.code", "event_data.error.message"],
    reason: "Spellings of HeyGen, whose schemas KonPro's events share; KonPro's error is a text.",
  },
  {
    provider: "konpro",
    types: /^avatar_video_gif\.fail$/,
    fields: [...without(failures, "error"), "event_data.error.code", "event_data.error.message"],
    reason: "Spellings of HeyGen, whose schemas KonPro's events share; KonPro's error is a text.",
  },
  {
    provider: "konpro",
    types: /^(video_translate\.fail|personalized_video)$/,
    fields: without(failures, "message"),
    reason: "Spellings of HeyGen, whose schemas KonPro's events share; KonPro names none for these events.",
  },
  {
    provider: "kling",
    types: /^video\.(created|processing|failed|cancelled)$/,
    fields: videoResults,
    reason: "Only a video that is done has results; one schema serves every video.* event.",
  },
  {
    provider: "kling",
    types: /^video\.(created|processing|completed|cancelled)$/,
    fields: ["data.error"],
    reason: "Only a video that failed has an error; one schema serves every video.* event.",
  },
  {
    provider: "kling",
    types: /^video\.(created|completed|failed|cancelled)$/,
    fields: ["data.progress"],
    reason: "Only a video that is being made has progress; one schema serves every video.* event.",
  },
  {
    provider: "kling",
    types: /^task\.(submitted|processing|succeeded)$/,
    fields: ["message", "task_status_msg"],
    reason: "Kling sends an empty text with them; what went wrong comes with task.failed.",
  },
  {
    provider: "kling",
    types: /^task\.(submitted|processing|failed)$/,
    fields: ["final_unit_deduction", "final_balance_deduction", "task_info.parent_video", "external_task_id", "task_result", "billing"],
    reason: "Results and costs come with the end of a task; one schema serves every status, with samples of task.succeeded.",
  },
  {
    provider: "kling",
    types: /^task\.(processing|failed)$/,
    fields: ["outputs"],
    reason: "Results come with the end of a task; one schema serves every status, with samples of task.succeeded.",
  },
  {
    provider: "kling",
    types: /^task\.submitted$/,
    fields: inside("outputs[]", Object.keys(outputFields())),
    reason: "The console sends an empty list; results come with the end of a task, with samples of task.succeeded.",
  },
  {
    provider: "kling",
    types: /^task\.succeeded$/,
    fields: [
      ...inside("task_info.parent_video", ["index", "watermark_url"]),
      "task_result.videos[].index",
      ...inside("task_result.images[]", ["id", "watermark_url", "duration"]),
      ...inside("task_result.audios[]", ["index", "watermark_url"]),
    ],
    reason: "One schema serves every legacy file; Kling gives these kinds no such field.",
  },
];

/** The fields of a result, of the first schema that has them. */
function outputFields(): Readonly<Record<string, true>> {
  const names = pathsOf(klingEvents["task.succeeded"]).filter((path) => /^outputs\[\]\.\w+$/.test(path));
  return Object.fromEntries(names.map((path) => [path.slice("outputs[].".length), true]));
}

const events = sampleProviders.flatMap((provider) =>
  sampleTypes(provider).map(({ type, variants }) => ({ provider, type: type as string, variants })),
);

const excepted = (provider: SampleProvider, type: string): readonly string[] =>
  exceptions.filter((each) => each.provider === provider && each.types.test(type)).flatMap(({ fields }) => fields);

const missingOf = ({ provider, type, variants }: (typeof events)[number]): readonly string[] =>
  uncovered(
    schemas[provider][type],
    variants.map((variant) => samplePayload(provider, type as never, { variant: variant as never })),
  );

describe("the samples of an event", () => {
  it.each(events)("fill in every field of its schema, or the reason is written down: $provider $type", (event) => {
    const known = excepted(event.provider, event.type);
    expect(missingOf(event).filter((path) => !known.includes(path))).toEqual([]);
  });

  it.each(exceptions)("have exceptions that are needed: $provider $types, $reason", ({ provider, types, fields, reason }) => {
    const meant = events.filter((event) => event.provider === provider && types.test(event.type));
    const missing = meant.flatMap(missingOf);
    expect(fields.filter((field) => !missing.includes(field))).toEqual([]);
    // An exception for a field that has got its sample has had its day.
    for (const event of meant) {
      const declared = pathsOf(schemas[provider][event.type]);
      const stale = fields.filter((field) => declared.includes(field) && !missingOf(event).includes(field));
      expect([event.type, stale]).toEqual([event.type, []]);
    }
    expect(reason).toMatch(/\.$/);
  });
});

describe("the look into a schema", () => {
  const schema = z.preprocess(
    (body) => body,
    z.looseObject({
      a: z.string(),
      b: z.looseObject({ c: z.number().nullish(), d: z.array(z.looseObject({ e: z.string().optional() })).nullish() }),
      f: z.union([z.string(), z.looseObject({ g: z.string() })]).optional(),
    }),
  );

  it("finds a field that no sample has, at any depth and in any alternative", () => {
    const whole = { a: "1", b: { c: 1, d: [{}, { e: "1" }] }, f: { g: "1" } };
    expect(uncovered(schema, [whole])).toEqual([]);
    expect(uncovered(schema, [{ ...whole, f: "1" }])).toEqual(["f.g"]);
    expect(uncovered(schema, [{ a: "", b: { c: null, d: [] } }])).toEqual(["a", "b.c", "b.d[].e", "f"]);
    expect(uncovered(schema, [{ b: { c: 1 } }, { a: "1", b: {}, f: { g: "1" } }])).toEqual(["b.d"]);
  });

  it("does not pass over a kind of schema that it does not know", () => {
    expect(() => pathsOf(z.looseObject({ a: z.tuple([z.string()]) }))).toThrow(/type tuple/);
  });
});

/** What an inbox is kept in. */
export type EngineName = "sqlite" | "pg-boss" | "bullmq";

/** Where the inbox of a server is. */
export interface InboxPlace {
  /** @default "sqlite" */
  readonly engine?: EngineName;
  /** The file, the schema or the prefix. */
  readonly path: string;
  /** Of the database server, for what is no file. */
  readonly url?: string;
  /** How long pg-boss waits for a sign of life of a worker; 30 as it is shipped. */
  readonly heartbeatSeconds?: number;
}

/** What is left in an inbox. */
export interface Remains {
  readonly stored: number;
  readonly unfinished: number;
  /** Events whose completion was recorded more than once. */
  readonly completedTwice: number;
  /** Claims, each of which ran the handlers unless the process was killed before. */
  readonly claims: number;
  /** `ok`, or what is wrong with how the records of one event fit together. */
  readonly integrity: string;
}

/** Looks at an inbox from outside. */
export interface Inspection {
  /** How many events are still to be handled. */
  left(): Promise<number>;
  /** What is there once no process has the inbox open. */
  remains(): Promise<Remains>;
  /** The id of every event, and when its completion was recorded, if it was; milliseconds since 1970. */
  events(): Promise<ReadonlyMap<string, number | undefined>>;
  /** Also deletes a schema or what has a prefix. A file belongs to whoever made its folder. */
  close(): Promise<void>;
}

/** What keeps the inbox of a server that is killed. */
export interface InboxEngine {
  readonly place: InboxPlace;
  /** How long it may take until everything has been handled after the last crash; far above what it takes. */
  readonly drainMs: number;
  /** Called before the first server starts. */
  inspect(): Promise<Inspection>;
}

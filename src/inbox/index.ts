export { createInbox, type Inbox, type ListOptions } from "./inbox.ts";
export type { AcceptOptions, InboxEvent, InboxIntake } from "./intake.ts";
export type { CompletePolicy, RetryPolicy } from "./retry-policy.ts";
export type {
  AttemptEnd,
  ClaimedEvent,
  InboxEntry,
  InboxEntryDetails,
  InboxFilter,
  InboxHealth,
  InboxPage,
  InboxState,
  InboxStats,
  InboxStore,
  InboxTransition,
  InboxTypeStats,
  Intervention,
  PruneOptions,
  PruneProgress,
} from "./store.ts";
export type { InboxRouter, InboxWorker, StopOptions, WorkerProblem, WorkOptions } from "./worker.ts";

export { createMemoryStore, type MemoryStoreOptions } from "./memory.ts";
export type { Claim, ClaimOptions, IdempotencyStore, JobState } from "./store.ts";

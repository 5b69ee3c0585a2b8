export { createMemoryStore, type MemoryStoreOptions } from "./memory.ts";
export type { Claim, ClaimOptions, IdempotencyStore } from "./store.ts";

/** Choices that look random and are the same for the same seed, so that a case can be made again by its number. */
export interface Random {
  /** A whole number from 0 up to, and without, a limit. */
  below(limit: number): number;
  /** True once in so many times. */
  oneIn(count: number): boolean;
  pick<Item>(items: readonly Item[]): Item;
  bytes(length: number): Uint8Array;
}

/** Makes the choices of one case. */
export function createRandom(seed: number, index: number): Random {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(index + 1, 0xc2b2ae35)) >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }
  const below = (limit: number): number => Math.floor((next() / 0x1_0000_0000) * limit);
  return {
    below,
    oneIn: (count) => below(count) === 0,
    pick(items) {
      if (items.length === 0) throw new Error("There is nothing to pick from.");
      return items[below(items.length)] as (typeof items)[number];
    },
    bytes: (length) => Uint8Array.from({ length }, () => below(256)),
  };
}

/** How many letters have to be added, removed, changed or swapped with their neighbour to make one word of the other. */
function distance(one: string, other: string): number {
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1];
      let least = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) least = Math.min(least, (before[j - 2] ?? 0) + 1);
      row.push(least);
    }
    before = last;
    last = row;
  }
  return last[other.length] ?? 0;
}

const MOST = 3;

/** The names that may have been meant, the nearest first, as a sentence; empty when none is near. */
export function didYouMean(given: string, names: readonly string[]): string {
  if (given.length > 100) return "";
  const word = given.toLowerCase();
  const near = names
    .map((name) => ({ name, off: name.toLowerCase().includes(word) && word.length >= 3 ? 1 : distance(word, name.toLowerCase()) }))
    .filter(({ name, off }) => off <= Math.max(2, Math.floor(Math.max(name.length, word.length) / 4)))
    .sort((one, other) => one.off - other.off)
    .slice(0, MOST)
    .map(({ name }) => name);
  if (near.length === 0) return "";
  return ` Did you mean ${near.length === 1 ? near[0] : `${near.slice(0, -1).join(", ")} or ${near.at(-1)}`}?`;
}

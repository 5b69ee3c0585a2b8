/** Refuses what differs from what a contract says, in a way that every test runner shows. */
export function expectEqual(found: unknown, expected: unknown, what: string): void {
  const [foundText, expectedText] = [JSON.stringify(found), JSON.stringify(expected)];
  if (foundText !== expectedText) throw new Error(`${what}: expected ${expectedText}, found ${foundText}.`);
}

import { describe, expect, it } from "vitest";
import { type Linked, LinkedList } from "../src/linked-list.ts";

interface Member extends Linked<Member> {
  readonly name: string;
}

const member = (name: string): Member => ({ name, before: undefined, after: undefined });

function namesIn(list: LinkedList<Member>): string {
  let names = "";
  for (let each = list.first; each !== undefined; each = each.after) names += each.name;
  return names;
}

describe("LinkedList", () => {
  it.each([
    ["a", "bc"],
    ["b", "ac"],
    ["c", "ab"],
    ["ab", "c"],
    ["bc", "a"],
    ["cab", ""],
  ])("keeps the order when %s is taken out, and adds at the end", (gone, left) => {
    const list = new LinkedList<Member>();
    const members = new Map([..."abc"].map((name) => [name, member(name)]));
    for (const each of members.values()) list.add(each);
    for (const name of gone) list.remove(members.get(name) as Member);
    expect([namesIn(list), list.size]).toEqual([left, left.length]);
    list.add(member("d"));
    expect(namesIn(list)).toBe(`${left}d`);
  });

  it("lets go of what was taken out", () => {
    const list = new LinkedList<Member>();
    const [first, second] = [member("a"), member("b")];
    list.add(first);
    list.add(second);
    list.remove(first);
    expect(first).toEqual(member("a"));
    list.add(first);
    expect(namesIn(list)).toBe("ba");
  });
});

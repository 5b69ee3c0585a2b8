import { describe, expect, it } from "vitest";
import { BodyMap } from "../src/body-map.ts";

const known = (key: string, fingerprint: string) => ({ key, fingerprint });

describe("BodyMap", () => {
  it("tells bodies under one key apart, and keys with one body", () => {
    const map = new BodyMap();
    const all = [known("k", "a"), known("k", "b"), known("k", "c"), known("l", "a")];
    for (const each of all) map.add(each);
    for (const each of all) expect(map.get(each.key, each.fingerprint)).toBe(each);
    expect([map.get("k", "d"), map.get("l", "b"), map.get("m", "a")]).toEqual([undefined, undefined, undefined]);
  });

  it.each([[["a"]], [["a", "b"]]])("knows a key as long as one of its bodies %j is left", (bodies) => {
    const map = new BodyMap();
    for (const body of bodies) map.add(known("k", body));
    for (const body of bodies) {
      expect(map.has("k")).toBe(true);
      map.delete(known("k", "other"));
      map.delete(known("k", body));
      expect(map.get("k", body)).toBeUndefined();
    }
    expect(map.has("k")).toBe(false);
  });

  it.each([[["a"]], [["a", "b"]]])("replaces what was known of a body, of %j", (bodies) => {
    const map = new BodyMap();
    for (const body of bodies) map.add(known("k", body));
    const newer = known("k", "a");
    map.add(newer);
    expect(map.get("k", "a")).toBe(newer);
    for (const body of bodies) map.delete(known("k", body));
    expect(map.has("k")).toBe(false);
  });
});

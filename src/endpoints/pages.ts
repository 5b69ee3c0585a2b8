import type { EndpointError } from "./endpoint-error.ts";

/** Which page of a list. */
export interface PageOptions {
  /**
   * From 1 to 100.
   * @default what the API takes for it, 10
   */
  readonly limit?: number | undefined;
  /**
   * `nextToken` of the page before.
   * @default the first page
   */
  readonly token?: string | undefined;
}

/** A page of a list. */
export interface Page<Item> {
  /** At most `limit`. */
  readonly items: readonly Item[];
  /** Pass it as `token` for the next page; absent on the last one. */
  readonly nextToken?: string;
}

/** Pages without an item that are gone through before an API is taken to be lost. */
const MOST_EMPTY_PAGES = 20;

/** Goes through all pages, each of which is asked for when the items of the one before are used up. */
export async function* through<Item>(
  pageAt: (token: string | undefined) => Promise<Page<Item>>,
  lost: (what: string) => EndpointError,
  token?: string,
): AsyncGenerator<Item, void, undefined> {
  const seen = new Set<string>();
  let empty = 0;
  for (let next = token; ; ) {
    const { items, nextToken } = await pageAt(next);
    yield* items;
    if (nextToken === undefined) return;
    empty = items.length === 0 ? empty + 1 : 0;
    // It would never end.
    if (seen.has(nextToken)) throw lost("was given the token of a page that was there before");
    if (empty > MOST_EMPTY_PAGES) throw lost("was given one empty page after another");
    seen.add(nextToken);
    next = nextToken;
  }
}

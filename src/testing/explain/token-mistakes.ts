import type { Refusal } from "../../refusal.ts";
import { equalTexts } from "../../signature/hmac.ts";
import type { Mistake } from "./finding.ts";

/** What is wrong with a URL that the token check has refused, or with the token. */
export function tokenMistake(token: unknown, url: string | undefined, refusal: Refusal): Mistake {
  if (refusal.refused !== "token_mismatch" || typeof token !== "string") {
    return { code: "token_unusable", facts: { found: refusal.hint ?? "The token cannot be used." } };
  }
  if (url === undefined) return { code: "token_missing", facts: { found: ", since explain() was given no url" } };
  const [address = "", ...rest] = url.split("?");
  const query = rest.join("?").split("#", 1)[0] ?? "";
  const parameters = new URLSearchParams(query);
  const given = parameters.getAll("token");
  if (given.length > 1) return { code: "token_repeated", facts: { count: given.length } };
  const [value] = given;
  if (value === undefined || value === "") return misplaced(token, address, parameters, url) ?? absent(value, rest.length > 0);
  const facts = { length: value.length, expected: token.length };
  const mended = value.replace(/^[\s"'<{]+/, "").replace(/(?<![\s"'>}])[\s"'>}]+$/, "");
  const form = equalTexts(mended, token) ? "; without white space, quotes or brackets it is the same" : "";
  const sameLetters = form === "" && equalTexts(value.toLowerCase(), token.toLowerCase());
  return { code: "token_mismatch", facts: { ...facts, form: sameLetters ? "; only the letter case differs" : form } };
}

function misplaced(token: string, address: string, parameters: URLSearchParams, url: string): Mistake | undefined {
  const inParameter = [...parameters].some(([, value]) => equalTexts(value, token));
  if (inParameter) return { code: "token_misplaced", facts: { found: "another parameter" } };
  if (address.split(/[/#]/).some((part) => equalTexts(part, token))) return { code: "token_misplaced", facts: { found: "the path" } };
  const fragment = url.slice(url.indexOf("#") + 1);
  return url.includes("#") && fragment.includes(token) ? { code: "token_misplaced", facts: { found: "the fragment" } } : undefined;
}

function absent(value: string | undefined, hasQuery: boolean): Mistake {
  const found = value === "" ? " with a value" : hasQuery ? "" : ", nor any other: a proxy or router may have cut the query off";
  return { code: "token_missing", facts: { found } };
}

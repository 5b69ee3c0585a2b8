import { sha256Hex } from "../signature/hmac.ts";

/**
 * A key as databases can keep it: printable ASCII of bounded length. The router's keys are that already. Others are hashed, since a
 * database may cut them off, refuse a NUL, or take all lone surrogates for one character.
 */
export function storedKey(key: string): string {
  return /^[!-~]{1,600}$/.test(key) ? key : `sha256 ${sha256Hex(JSON.stringify(key))}`;
}

import { NextResponse } from "next/server";

/** Runs before every route, those for webhooks too: it may read and set headers, but leaves the body alone. */
export function proxy(): NextResponse {
  const response = NextResponse.next();
  response.headers.set("x-passed-proxy", "yes");
  return response;
}

// What --import loads before a block or a command of the README, so that its text runs as it stands: port 3000 is one that is free, and
// addresses lead to servers of the test. No other address is reached by fetch.

import { Server } from "node:net";
import type { Elsewhere } from "./readme-program.ts";

const { port, addresses } = JSON.parse(process.env.README_ELSEWHERE ?? "") as Elsewhere;
const origins = new Map(Object.entries({ ...addresses, "http://127.0.0.1:3000": `http://127.0.0.1:${port}` }));

const { listen } = Server.prototype;
Server.prototype.listen = function listenElsewhere(this: Server, first?: unknown, ...rest: unknown[]): Server {
  const options = first !== null && typeof first === "object" ? first : undefined;
  const there = options !== undefined && "port" in options && options.port === 3000 ? { ...options, port } : first === 3000 ? port : first;
  return Reflect.apply(listen, this, [there, ...rest]);
};

const { fetch } = globalThis;
globalThis.fetch = async function fetchElsewhere(input, init): Promise<Response> {
  const asked = input instanceof Request ? input.url : String(input);
  const { origin } = new URL(asked);
  const there = origins.get(origin);
  if (there === undefined) throw new Error(`Nothing of the test stands for ${origin}.`);
  const moved = there + asked.slice(origin.length);
  return fetch(input instanceof Request ? new Request(moved, input) : moved, init);
};

// On a runtime with sockets: runs all cases, then serves until it is stopped.

import { runCases } from "./cases.mjs";
import { commonjsCases } from "./commonjs.mjs";
import { entryPointCases } from "./entry-points.mjs";
import { fetchCases } from "./fetch.mjs";
import { inboxCases, noInboxCases } from "./inbox.mjs";
import { load, scene } from "./scene.mjs";
import { startServers } from "./servers.mjs";
import { vectorCases } from "./vectors.mjs";

const { vectors, deliveries, entryPoints, inboxFile, noInbox } = scene;
const results = await runCases([
  ...vectorCases(vectors),
  ...fetchCases(deliveries),
  ...entryPointCases(load, entryPoints),
  ...commonjsCases(vectors),
  ...(noInbox === undefined ? inboxCases(deliveries, inboxFile) : noInboxCases(inboxFile, noInbox)),
]);
console.log(JSON.stringify({ results, servers: await startServers(deliveries) }));

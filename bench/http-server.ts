// One framework's applications in a process of their own: node --import ./http-probe.ts http-server.ts <name>

import { apps, path } from "./http-apps.ts";

const name = process.argv[2] ?? "";
const pair = apps[name];
if (pair === undefined) throw new Error(`There are no applications named "${name}", only ${Object.keys(apps).join(", ")}.`);
const urlOf = (port: number): string => `http://127.0.0.1:${port}${path}`;
const [ours, byHand] = await Promise.all([pair.ours(), pair.byHand()]);
process.send?.({ ours: urlOf(ours), byHand: urlOf(byHand) });

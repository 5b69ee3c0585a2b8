// Compares each adapter with a handler written by hand for the same framework, under load over loopback: the long form.
//
//   node bench/http.ts                    everything but Next.js
//   node bench/http.ts --next             Next.js too, which is built first
//   node bench/http.ts --only express     those whose name has this in it
//   node bench/http.ts --strict           exits with 1 when a bar is missed

import { parseArgs } from "node:util";
import { longHttp } from "./effort.ts";
import { compareMembers } from "./http-adapters.ts";
import { members, nextMembers } from "./http-members.ts";
import { buildNextApp } from "./http-next.ts";
import { printMachine } from "./markdown.ts";
import { createVerdicts } from "./verdicts.ts";

const { values: flags } = parseArgs({
  options: { next: { type: "boolean" }, only: { type: "string", default: "" }, strict: { type: "boolean" } },
});

const nextApp = flags.next ? await buildNextApp() : undefined;
try {
  const all = nextApp ? [...members, ...nextMembers(nextApp)] : members;
  const taking = all.filter(({ name }) => name.toLowerCase().includes(flags.only.toLowerCase()));
  if (taking.length === 0) throw new Error(`Nobody is named "${flags.only}": ${all.map(({ name }) => name).join(", ")}.`);
  const verdicts = createVerdicts();
  printMachine();
  await compareMembers(taking, longHttp, verdicts);
  verdicts.print(taking.flatMap(({ bar }) => bar ?? []));
  if (flags.strict && verdicts.missed().length > 0) process.exitCode = 1;
} finally {
  await nextApp?.remove();
}

// Writes the table of pitfalls in SECURITY.md anew: node test/suites/write-pitfalls.ts

import { readFileSync, writeFileSync } from "node:fs";
import { withPitfalls } from "./pitfalls.ts";

const file = new URL("../../SECURITY.md", import.meta.url);
writeFileSync(file, withPitfalls(readFileSync(file, "utf8")));

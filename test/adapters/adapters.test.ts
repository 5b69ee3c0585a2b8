import { members } from "../suites/adapter-members.ts";
import { describeAdapter } from "../suites/adapter-suite.ts";

for (const member of members) describeAdapter(member);

import type { ReactNode } from "react";
import { jobs } from "../jobs.ts";

// Rendered per request, since the list grows between requests.
export const dynamic = "force-dynamic";

export default function Page(): ReactNode {
  return (
    <main>
      <h1>Jobs</h1>
      <ul>
        {jobs.map(({ provider, id, status }) => (
          <li key={`${provider} ${id} ${status}`}>{`${provider} ${id} ${status}`}</li>
        ))}
      </ul>
    </main>
  );
}

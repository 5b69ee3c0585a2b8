import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

// None twice: a server that died may come back on its port at the very end.
const given = new Set<number>();

/**
 * A port for servers that follow one another; below those that outgoing connections get, which could take it while nobody listens. Each
 * process takes from a tenth of them, since those beside it cannot know what was given here.
 */
export async function freePort(): Promise<number> {
  for (let attempts = 1; ; attempts++) {
    const port = 20_000 + (process.pid % 10) * 1000 + randomInt(1000);
    if (given.has(port)) continue;
    const server = createServer();
    try {
      await once(server.listen(port, "127.0.0.1"), "listening");
      await once(server.close(), "close");
      given.add(port);
      return port;
    } catch (error) {
      if (attempts > 20) throw error;
    }
  }
}

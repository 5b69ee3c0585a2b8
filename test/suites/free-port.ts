import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** A port for servers that follow one another; below those that outgoing connections get, which could take it while nobody listens. */
export async function freePort(): Promise<number> {
  for (let attempts = 1; ; attempts++) {
    const port = randomInt(20_000, 30_000);
    const server = createServer();
    try {
      await once(server.listen(port, "127.0.0.1"), "listening");
      await once(server.close(), "close");
      return port;
    } catch (error) {
      if (attempts === 20) throw error;
    }
  }
}

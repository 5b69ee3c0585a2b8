import { randomInt } from "node:crypto";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { TestServer } from "../suites/servers.ts";

/** A way to a server that can be taken away. */
export interface Relay {
  readonly port: number;
  /** Breaks all connections, and refuses new ones until {@link Relay.restore}. */
  cut(): Promise<void>;
  restore(): Promise<void>;
  /** Keeps connections, and takes new ones, but nothing gets through until {@link Relay.resume}. Then what was sent meanwhile arrives. */
  hang(): void;
  resume(): void;
  close(): Promise<void>;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** Opens a relay on loopback to a server. */
export async function openRelay({ host, port: serverPort }: Pick<TestServer, "host" | "port">): Promise<Relay> {
  const pairs = new Set<Pair>();
  let hanging = false;

  const join = ({ near, far }: Pair): void => {
    near.pipe(far);
    far.pipe(near);
  };

  const server = createServer({ noDelay: true }, (near) => {
    const pair = { near, far: connect({ host, port: serverPort, noDelay: true }) };
    pairs.add(pair);
    const tie = (one: Socket, other: Socket): void => {
      // Whoever is at the other end sees it break as well.
      one.on("error", () => undefined);
      one.on("close", () => {
        pairs.delete(pair);
        // What was read before the end is still to arrive.
        other.destroySoon();
      });
    };
    tie(near, pair.far);
    tie(pair.far, near);
    if (hanging) near.pause();
    else join(pair);
  });

  function breakAll(): void {
    for (const { near, far } of pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    pairs.clear();
  }

  async function cut(): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve));
    breakAll();
    await closed;
  }

  const port = await listenAnywhere(server);
  return {
    port,
    cut,
    restore: () => listenOn(server, port),
    hang() {
      hanging = true;
      for (const { near, far } of pairs) {
        for (const socket of [near, far]) socket.unpipe().pause();
      }
    },
    resume() {
      hanging = false;
      for (const pair of pairs) join(pair);
    },
    async close() {
      if (server.listening) await cut();
    },
  };
}

function listenOn(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/**
 * On a port below those that outgoing connections get (32768 and up on Linux). While the relay is cut, its port is free, and one of those
 * could take it, or even connect to itself.
 */
async function listenAnywhere(server: Server): Promise<number> {
  for (let attempts = 1; ; attempts++) {
    const port = randomInt(20_000, 30_000);
    try {
      await listenOn(server, port);
      return port;
    } catch (error) {
      if (attempts === 20) throw error;
    }
  }
}

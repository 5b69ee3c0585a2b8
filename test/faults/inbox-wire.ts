import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { freePort } from "../suites/free-port.ts";
import type { Framer } from "./inbox-frames.ts";

/** A moment in which a process dies, by what it sends to its server. */
export interface Moment {
  /** Before the command gets to the server, or when it has been carried out and nobody hears of it. */
  readonly when: "before" | "after";
  readonly command: RegExp;
  /** What must have been sent before in the same transaction. */
  readonly within?: RegExp;
}

/** What is between a process and its server. */
export interface Wire {
  readonly port: number;
  /** Ends the process, as far as the server can see, at this moment. */
  dieAt(moment: Moment): void;
  /** Ends it now: nothing that it sends gets to the server any more, which carries out what it has and sees the connections end. */
  die(): void;
  readonly dead: boolean;
  /** Resolves when the server is done with it. */
  readonly died: Promise<void>;
  /** Nothing gets through until {@link Wire.goOn}. Then what was sent meanwhile arrives. */
  standStill(): void;
  goOn(): void;
  /** How many commands of a kind the server was sent. */
  sent(command: RegExp): number;
  /** Lets what is left of a dead process take leave of its server, when nobody looks any more. */
  release(): Promise<void>;
  close(): void;
}

interface Pair {
  readonly near: Socket;
  readonly far: Socket;
}

/** Opens a wire to a server. */
export async function openWire(server: { readonly host: string; readonly port: number }, framer: () => Framer): Promise<Wire> {
  const pairs = new Set<Pair>();
  const texts: string[] = [];
  let moment: Moment | undefined;
  let dead = false;
  let released = false;
  let still = false;
  let bury = (): void => undefined;
  const died = new Promise<void>((resolve) => {
    bury = resolve;
  });

  function die(): void {
    if (dead) return;
    dead = true;
    listening.close();
    // The end comes after all that was sent before, so that the server is done with it when it closes its side as well.
    const closed = [...pairs].map(({ near, far }) => {
      near.resetAndDestroy();
      far.resume();
      far.end();
      return new Promise((resolve) => far.once("close", resolve));
    });
    void Promise.all(closed).then(bury);
  }

  function join({ near, far }: Pair): void {
    const split = framer();
    let transaction: string[] = [];
    let doomed = false;
    near.on("data", (chunk: Buffer) => {
      for (const { bytes, text, complete } of split(chunk)) {
        if (dead && !released) return;
        if (text !== "") {
          texts.push(text);
          if (/^BEGIN\b/.test(text)) transaction = [];
          transaction.push(text);
        }
        const { when, command, within = /^/ } = moment ?? { command: /^(?!)/ };
        if (text !== "" && command.test(text) && transaction.some((each) => within.test(each))) {
          if (when === "before") {
            die();
            return;
          }
          doomed = true;
        }
        far.write(bytes);
        if (doomed && complete) {
          die();
          return;
        }
      }
    });
    far.on("data", (chunk: Buffer) => {
      // Nobody hears of what is carried out in the last moment.
      if ((!dead || released) && !doomed) near.write(chunk);
    });
  }

  const listening = createServer({ noDelay: true }, (near) => {
    const pair = { near, far: connect({ ...server, noDelay: true }) };
    pairs.add(pair);
    near.on("error", () => undefined).on("close", () => pair.far.end());
    pair.far
      .on("error", () => undefined)
      .on("close", () => {
        pairs.delete(pair);
        near.destroySoon();
      });
    join(pair);
    if (still) for (const socket of [pair.near, pair.far]) socket.pause();
  });
  const port = await freePort();
  await once(listening.listen(port, "127.0.0.1"), "listening");

  return {
    port,
    dieAt(next) {
      moment = next;
    },
    die,
    get dead() {
      return dead;
    },
    died,
    standStill() {
      still = true;
      for (const { near, far } of pairs) for (const socket of [near, far]) socket.pause();
    },
    goOn() {
      still = false;
      for (const { near, far } of pairs) for (const socket of [near, far]) socket.resume();
    },
    sent: (command) => texts.filter((text) => command.test(text)).length,
    async release() {
      moment = undefined;
      if (!dead || released) return;
      released = true;
      await once(listening.listen(port, "127.0.0.1"), "listening");
    },
    close() {
      listening.close();
      for (const { near, far } of pairs) {
        near.destroy();
        far.destroy();
      }
    },
  };
}

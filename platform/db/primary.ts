import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "../observe/log.ts";
import type { ServerAddress } from "./server-addresses.ts";
import { probeServer, type ServerFailure, type ServerState } from "./server-state.ts";

/** Knows which of several servers is the primary, and notices when another one is promoted. */
export interface Primary {
  /**
   * Waits while none is known, as so many may. Error: a server's own, when it does not let us in, or one with the code
   * ECONNREFUSED.
   */
  locate(): Promise<ServerAddress>;
  /** A connection to this server failed: look at once. */
  suspect(address: ServerAddress): void;
  /** How many wait. */
  waiting(): number;
  stop(): Promise<void>;
}

const everyMs = 1_000;
/** While none is known. */
const searchMs = 100;
/** Looks for which a server that does not answer is waited for before any is known. */
const firstLooks = 3;
/** How long a server may take to say what it is. */
const answerMs = 1_000;
/** More than the pools of a process have connections. */
const maxWaiting = 256;
/** Less than a connection may take (database.ts). */
const locateMs = 4_000;

/**
 * Looks at all servers every second. Of those that take writes, the one with the highest timeline is the primary: a
 * primary that was replaced and comes back has a lower one, and nothing is written to it. Servers of another system than
 * the first one found are left out.
 */
export function watchPrimary(
  addresses: ServerAddress[],
  options: { log: Logger; name: string; onMoved: (to: ServerAddress) => void },
): Primary {
  const { log, name, onMoved } = options;
  const probes = addresses.map((address) => probeServer(address, name));
  let current: ServerAddress | undefined;
  let known: { system: string; timeline: number } | undefined;
  let refused: ServerFailure["error"] | undefined;
  const waiting = new Set<() => void>();
  let looking: Promise<void> | undefined;
  let looks = 0;
  let stopped = false;

  async function look(): Promise<void> {
    const answers = await Promise.all(probes.map((probe) => probe.ask(answerMs)));
    const states = answers.map((answer, i) => ({ address: addresses[i]!, answer }));
    const candidates = states
      .flatMap(({ address, answer }) =>
        "primary" in answer && answer.primary ? [{ address, ...answer }] : [],
      )
      .filter(({ system, timeline }) => !known || (system === known.system && timeline >= known.timeline));
    candidates.sort((a, b) => b.timeline - a.timeline || rank(a.address) - rank(b.address));
    const best = candidates[0];
    // The one that has been promoted may only be slow, and an old primary be back.
    const mayBeAnother = answers.some((answer) => "silent" in answer && answer.silent);
    if (best && !known && mayBeAnother && ++looks < firstLooks) return;
    if (best) return settle(best);
    refused = answers.flatMap((answer) => ("error" in answer ? [answer.error] : [])).find(isRefused);
    const last = states.find(({ address }) => address === current)?.answer;
    // One that is silent may only be slow: it is kept until another one is promoted.
    if (last && !("silent" in last && last.silent)) forget();
  }

  /** Of two with the same timeline, the one that is in use. */
  function rank(address: ServerAddress): number {
    return address === current ? 0 : 1;
  }

  function settle(found: ServerState & { address: ServerAddress }): void {
    known = { system: found.system, timeline: found.timeline };
    if (found.address !== current) {
      log.info({ host: found.address.host, port: found.address.port }, "the primary database server");
      current = found.address;
      onMoved(found.address);
    }
    for (const go of waiting) go();
    waiting.clear();
  }

  function forget(): void {
    if (!current) return;
    log.warn({ host: current.host, port: current.port }, "the primary database server is gone");
    current = undefined;
  }

  function lookOnce(): Promise<void> {
    looking ??= look().finally(() => {
      looking = undefined;
      if (!current && !stopped) void delay(searchMs, undefined, { ref: false }).then(lookIfLost);
    });
    return looking;
  }

  function lookIfLost(): void {
    if (!current && !stopped) void lookOnce();
  }

  /** Resolves when one is found, or when it takes too long. */
  function nextFound(): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(late);
        waiting.delete(go);
        resolve();
      };
      const late = setTimeout(go, locateMs).unref();
      waiting.add(go);
    });
  }

  const timer = setInterval(lookOnce, everyMs).unref();
  void lookOnce();

  return {
    async locate() {
      if (current) return current;
      if (waiting.size < maxWaiting) await nextFound();
      if (current) return current;
      if (refused) throw refused;
      const where = addresses.map(({ host, port }) => `${host}:${port}`).join(", ");
      throw Object.assign(new Error(`none of ${where} is a primary server`), { code: "ECONNREFUSED" });
    },
    suspect(address) {
      if (address === current) forget();
      void lookOnce();
    },
    waiting: () => waiting.size,
    async stop() {
      stopped = true;
      clearInterval(timer);
      for (const go of waiting) go();
      await looking;
      await Promise.all(probes.map((probe) => probe.close()));
    },
  };
}

/** A wrong password, an unknown role or database. */
function isRefused({ code = "" }: ServerFailure["error"]): boolean {
  return code.startsWith("28") || code === "3D000";
}

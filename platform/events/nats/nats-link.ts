import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { Logger } from "../../observe/log.ts";
import { type EngineTls, tlsProblem } from "../../tls/engine-tls.ts";
import { createWakeSignal } from "../wake-signal.ts";
import { type NatsOptions, natsAddress } from "./nats-address.ts";
import { whyUnusable } from "./unusable.ts";

/** A connection to NATS with JetStream. */
export interface Nats {
  connection: NatsConnection;
  streams: JetStreamManager["streams"];
  manager: JetStreamManager;
  client: JetStreamClient;
}

/** The way to NATS, which may be away at first and later. */
export interface NatsLink {
  /** Undefined while there is no connection. */
  current(): Nats | undefined;
  /** Calls `act` whenever a connection has been made. */
  onConnect(act: () => void): void;
  /** Why there is none. */
  problem(): string | undefined;
  close(): Promise<void>;
}

const connectTimeoutMs = 3_000;
const requestTimeoutMs = 5_000;
const retryMs = 1_000;

/** Connects, and again after every loss, until it is closed. Error: NATS_URL_INVALID. */
export function linkNats(url: string, log: Logger, tls?: EngineTls): NatsLink {
  const options = natsAddress(url, tls);
  const acts = new Set<() => void>();
  const stopSignal = createWakeSignal();
  let connection: NatsConnection | undefined;
  let current: Nats | undefined;
  let problem: string | undefined = "not connected yet";
  let stopping = false;

  function fail(cause: string): void {
    current = undefined;
    if (cause !== problem && !stopping)
      log.warn({ cause }, "NATS cannot be used, so events wait in the outbox");
    problem = cause;
  }

  /** Makes one connection and keeps an eye on it until it ends. */
  async function once(): Promise<void> {
    connection = await connect({
      ...options,
      name: "douya",
      timeout: connectTimeoutMs,
      // This loop connects again, and says why it cannot.
      reconnect: false,
      pingInterval: 2_000,
      maxPingOut: 2,
      noAsyncTraces: true,
    });
    const ended = connection.closed();
    try {
      if (stopping) throw new Error("it is too late");
      const manager = await jetstreamManager(connection, { timeout: requestTimeoutMs, checkAPI: true });
      const client = jetstream(connection, { timeout: requestTimeoutMs });
      const unusable = whyUnusable(connection.info!.version);
      if (unusable) throw new Error(unusable);
      current = { connection, manager, streams: manager.streams, client };
      if (problem) log.debug("NATS is connected");
      problem = undefined;
      for (const act of acts) act();
    } catch (error) {
      await connection.close();
      throw error;
    }
    const error = await ended;
    fail(error ? error.message : "the connection was closed");
  }

  async function run(): Promise<void> {
    while (!stopping) {
      await once().catch((error) => fail(sentenceOf(error, options)));
      if (!stopping) await stopSignal.wait(retryMs * (0.5 + Math.random()));
    }
  }
  const running = run();

  return {
    current: () => current,
    onConnect(act) {
      acts.add(act);
      if (current) act();
    },
    problem: () => problem,
    async close() {
      stopping = true;
      stopSignal.wake();
      await connection?.close().catch(() => {});
      await running;
    },
  };
}

/** What is wrong, and what to do about it. */
export function sentenceOf(error: Error, { tls }: NatsOptions): string {
  const { name, message, cause } = error;
  if (name === "AuthorizationError" || name === "UserAuthenticationExpiredError")
    return "it refuses the credentials in DOUYA_NATS_URL (nats://user:password@host:4222, or nats://token@host:4222)";
  if (name === "JetStreamNotEnabled" || /jetstream not enabled/i.test(message))
    return "JetStream is off: start nats-server with -js, or give its configuration a jetstream block";
  if (/tls|secure/i.test(message) && /not support|required|only/i.test(message))
    return `one side wants TLS and the other does not: tls:// in DOUYA_NATS_URL encrypts, nats:// does not (${message})`;
  const problem = tlsProblem((cause as Error | undefined) ?? error, tls);
  if (problem) return `${problem}. See DOUYA_NATS_URL (tls:// encrypts)`;
  if (name === "ConnectionError" || /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|timeout/i.test(message))
    return `it does not answer at the address in DOUYA_NATS_URL (${message})`;
  return message;
}

import { connectivityState, Client as GrpcClient } from "@grpc/grpc-js";
import { plaintext, type RpcCredentials } from "./rpc-credentials.ts";

/** Large enough for a page of anything; more is a bug or an attack. */
export const maxMessageBytes = 4 * 1024 * 1024;

/** How long calls wait for a connection that is being made: a place that swallows packets would hold them until the end. */
const connectMs = 2_000;
/** That time passes in so many steps: while this process stands still no more than one of them does. */
const connectSteps = 4;
/** A connection that is still not there is tried anew: what was lost on the way is not sent again for long. */
const longestTryMs = 8_000;
/** Between two tries that calls ask for. */
const retryPauseMs = 100;

/** A connection to one address, which is made again for as long as it is open. */
export interface Connection {
  client(): GrpcClient;
  /** `connecting` only for as long as waiting is worth it. */
  state(): "ready" | "connecting" | "down";
  /** Tries at once instead of at the next time, if the last try was refused: then this one is decided in a moment too. */
  retry(): void;
  close(): void;
}

/** Connects at once, and calls `onChange` whenever the state is another one. */
export function openConnection(
  address: string,
  onChange: () => void,
  credentials: RpcCredentials = plaintext,
): Connection {
  let client: GrpcClient;
  let state: ReturnType<Connection["state"]> = "connecting";
  let tryMs = connectMs;
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let refused = false;
  let triedAtMs = 0;

  function enter(next: typeof state): void {
    if (next === state) return;
    state = next;
    onChange();
  }

  function connect(): void {
    triedAtMs = performance.now();
    client = createClient(address, credentials);
    follow(client);
    awaitReady();
  }

  /** Ends a try that leads to nothing. */
  function awaitReady(steps = connectSteps): void {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (steps > 1) return awaitReady(steps - 1);
      refused = false;
      enter("down");
      tryMs = Math.min(longestTryMs, tryMs * 2);
      connectAnew();
    }, tryMs / connectSteps).unref();
  }

  function connectAnew(): void {
    const given = client;
    connect();
    given.close();
  }

  function follow(followed: GrpcClient): void {
    if (closed || followed !== client) return;
    const channel = followed.getChannel();
    const now = channel.getConnectivityState(true);
    if (now === connectivityState.READY) {
      clearTimeout(timer);
      tryMs = connectMs;
      enter("ready");
    } else if (now === connectivityState.TRANSIENT_FAILURE) {
      refused = true;
      enter("down");
      awaitReady();
    } else if (state === "ready") {
      enter("connecting");
      awaitReady();
    }
    channel.watchConnectivityState(now, Number.POSITIVE_INFINITY, () => follow(followed));
  }

  connect();
  return {
    client: () => client,
    state: () => state,
    retry() {
      if (closed || state !== "down" || !refused || performance.now() - triedAtMs < retryPauseMs) return;
      enter("connecting");
      connectAnew();
    },
    close() {
      closed = true;
      clearTimeout(timer);
      client.close();
    },
  };
}

function createClient(address: string, { channel, peerName }: RpcCredentials): GrpcClient {
  return new GrpcClient(address, channel, {
    ...(peerName && { "grpc.ssl_target_name_override": peerName }),
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2000,
    // Only with calls under way: a process that hangs holds them ten seconds at most. One that is overloaded may stand
    // still for some of them, and must not lose its calls for it.
    "grpc.keepalive_time_ms": 2_000,
    "grpc.keepalive_timeout_ms": 8_000,
    "grpc.enable_retries": 0,
    // Trying anew would else wait for the same old try.
    "grpc.use_local_subchannel_pool": 1,
  });
}

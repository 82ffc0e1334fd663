import { connectivityState, credentials, Client as GrpcClient } from "@grpc/grpc-js";
import type { Endpoints } from "../registry/registry.ts";

/** Large enough for a page of anything; more is a bug or an attack. */
export const maxMessageBytes = 4 * 1024 * 1024;

/** Connections to the endpoints of one module. */
export interface Connections {
  /** The connection for the next call, which stays open until it is released; undefined when there is none but `except`. */
  take(except?: Connection): Connection | undefined;
  close(): void;
}

export interface Connection {
  readonly client: GrpcClient;
  /** To be called once for each time that it was taken. */
  readonly release: () => void;
}

interface Tracked extends Connection {
  inUse: number;
  /** Closes it when the calls on it have ended. */
  retire(): void;
}

/**
 * One connection to each endpoint, in turn; while one is down, the others are used. A connection whose endpoint is gone
 * is given to nobody any more, and closes when the calls on it have ended.
 */
export function followEndpoints(endpoints: Endpoints): Connections {
  const byAddress = new Map<string, Tracked>();
  let connections: Tracked[] = [];
  let turn = 0;

  function follow(): void {
    const addresses = new Set(endpoints.current());
    for (const [address, connection] of byAddress) {
      if (addresses.has(address)) continue;
      byAddress.delete(address);
      connection.retire();
    }
    for (const address of addresses)
      if (!byAddress.has(address)) byAddress.set(address, track(connect(address)));
    connections = [...byAddress.values()];
  }

  function next(except?: Connection): Tracked | undefined {
    if (connections.length < 2) return connections.find((connection) => connection !== except);
    const from = turn;
    turn = (turn + 1) % connections.length;
    let connecting: Tracked | undefined;
    for (let i = 0; i < connections.length; i++) {
      const connection = connections[(from + i) % connections.length]!;
      if (connection === except) continue;
      // One that is not connected tries to be, though it is passed over.
      const state = stateOf(connection);
      if (state === connectivityState.READY) return connection;
      if (state !== connectivityState.TRANSIENT_FAILURE) connecting ??= connection;
    }
    return connecting ?? connections.find((connection) => connection !== except);
  }

  follow();
  const unwatch = endpoints.watch(follow);
  return {
    take(except) {
      const connection = next(except);
      if (connection) connection.inUse++;
      return connection;
    },
    close() {
      unwatch();
      for (const { client } of connections) client.close();
    },
  };
}

function track(client: GrpcClient): Tracked {
  let retired = false;
  const tracked: Tracked = {
    client,
    inUse: 0,
    release() {
      tracked.inUse--;
      if (retired && tracked.inUse === 0) client.close();
    },
    retire() {
      retired = true;
      if (tracked.inUse === 0) client.close();
    },
  };
  return tracked;
}

function stateOf({ client }: Tracked): connectivityState {
  const channel = client.getChannel();
  const state = channel.getConnectivityState(false);
  return state === connectivityState.READY ? state : channel.getConnectivityState(true);
}

function connect(address: string): GrpcClient {
  return new GrpcClient(address, credentials.createInsecure(), {
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2000,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.enable_retries": 0,
  });
}

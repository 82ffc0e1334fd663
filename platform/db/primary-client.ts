import pg from "pg";
import type { Primary } from "./primary.ts";
import type { ServerAddress } from "./server-addresses.ts";

/** Parts of the driver that its types leave out. */
type Inner = pg.Client & { host: string; port: number; connection: pg.Connection };
type Connected = (error: Error | null) => void;

/** The commit is on the disk of the primary, and nobody knows whether it is on that of a synchronous replica. */
export const notReplicated = "DOUYA1";

/** Connections to whichever server is the primary. */
export interface PrimaryClients {
  Client: typeof pg.Client;
  /** Closes the connections to all other servers, whatever they are doing. */
  leaveAllBut(address: ServerAddress): void;
  /** Closes all of them. */
  cut(): void;
}

/** `primary` is asked for each new connection; without it they go where their options say. */
export function primaryClients(primary: Primary | undefined): PrimaryClients {
  const open = new Map<Inner, ServerAddress | undefined>();

  class PrimaryClient extends pg.Client {
    private lost: Error | undefined;

    constructor(options?: pg.ClientConfig) {
      super(options);
      // The next query fails with it. Without a listener it would end the process: the pool has one only while a client is
      // idle, not between two queries of a transaction, nor between the server's greeting and `done`.
      this.on("error", (error) => {
        this.lost ??= error;
      });
      const { connection } = this as unknown as Inner;
      connection.on("notice" as "message", (notice) => failUnreplicated(connection, notice));
    }

    // @ts-expect-error: the types know promises, and the pool passes a callback.
    override connect(done: Connected): void {
      this.open().then(() => done(null), done);
    }

    private async open(): Promise<void> {
      const self = this as unknown as Inner;
      const address = await primary?.locate();
      if (address) Object.assign(self, { host: address.host, port: address.port });
      const reported = new Map<string, string>();
      self.connection.on(
        "parameterStatus" as "message",
        (status: { parameterName: string; parameterValue: string }) =>
          reported.set(status.parameterName, status.parameterValue),
      );
      open.set(self, address);
      self.once("end", () => open.delete(self));
      try {
        await super.connect();
        if (this.lost) throw this.lost;
        const readOnly = ["in_hot_standby", "default_transaction_read_only"].some(
          (name) => reported.get(name) === "on",
        );
        if (!readOnly) return;
        self.connection.stream.destroy();
        throw Object.assign(new Error("this server takes no writes: it is a replica"), { code: "57P03" });
      } catch (error) {
        open.delete(self);
        if (address && isAway(error as { code?: string })) primary?.suspect(address);
        throw error;
      }
    }
  }

  return {
    Client: PrimaryClient as unknown as typeof pg.Client,
    leaveAllBut(address) {
      for (const [client, other] of open) if (other !== address) client.connection.stream.destroy();
    },
    cut() {
      for (const client of open.keys()) client.connection.stream.destroy();
    },
  };
}

/** Nobody is there, or it is starting or stopping. Otherwise the server is there and refuses. */
function isAway({ code }: { code?: string }): boolean {
  return code === undefined || code.startsWith("E") || code.startsWith("57P");
}

/**
 * A commit that waits for a synchronous replica and is cancelled (statement_timeout does it) has happened here, and
 * PostgreSQL reports success with a warning. It would be lost with this server, so it must not count as done.
 */
function failUnreplicated(
  connection: pg.Connection,
  { routine, message }: { routine?: string; message?: string },
): void {
  if (routine !== "SyncRepWaitForLSN") return;
  connection.emit("error", Object.assign(new Error(message), { code: notReplicated }));
  // What comes after the warning says that all is well.
  connection.stream.destroy();
}

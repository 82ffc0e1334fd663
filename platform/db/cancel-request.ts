import pg from "pg";

/** After so long the server is taken for lost. */
const cancelMs = 5_000;

/** What the driver has and does not declare. */
interface Cancellable {
  host: string;
  port: number;
  ssl: boolean | object;
  sslNegotiation: string;
  processID: number;
  secretKey: number;
}
type CancelConnection = pg.Connection & {
  connect(port: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
};

/**
 * Has PostgreSQL end the statement that a connection is working on. The request is part of its protocol: it goes over a
 * connection of its own, needs no login, takes no place among those that the server allows, and finds its way through a
 * pooler. When it settles, it has reached whom it was meant for, or never will.
 */
export function requestCancel(client: pg.PoolClient): Promise<void> {
  const { host, port, ssl, sslNegotiation, processID, secretKey } = client as unknown as Cancellable;
  return new Promise((resolve, reject) => {
    const connection = new pg.Connection({ ssl, sslNegotiation } as object) as CancelConnection;
    const giveUp = () => connection.stream.destroy(new Error("the server does not take a cancel request"));
    const timer = setTimeout(giveUp, cancelMs);
    if (ssl && sslNegotiation !== "direct") connection.once("connect", () => connection.requestSsl());
    connection.once(ssl ? "sslconnect" : "connect", () => connection.cancel(processID, secretKey));
    connection.on("error", reject);
    // The server hangs up once it has passed the request on.
    connection.once("end", () => {
      clearTimeout(timer);
      resolve();
    });
    if (host.startsWith("/")) connection.connect(`${host}/.s.PGSQL.${port}`);
    else connection.connect(port, host);
  });
}

import pg from "pg";

/** After this the server counts as unreachable. */
const cancelMs = 5_000;

/** Fields and methods of the driver that its types leave out. */
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
 * Sends PostgreSQL's CancelRequest for the statement that a connection is running. It goes over a connection of its own,
 * needs no login, does not count against max_connections, and passes through a pooler. Once this settles, the request has
 * arrived or never will.
 */
export function requestCancel(client: pg.PoolClient): Promise<void> {
  const { host, port, ssl, sslNegotiation, processID, secretKey } = client as unknown as Cancellable;
  return new Promise((resolve, reject) => {
    const connection = new pg.Connection({ ssl, sslNegotiation } as object) as CancelConnection;
    const timeOut = () => connection.stream.destroy(new Error("the server does not take a cancel request"));
    const timer = setTimeout(timeOut, cancelMs);
    if (ssl && sslNegotiation !== "direct") connection.once("connect", () => connection.requestSsl());
    connection.once(ssl ? "sslconnect" : "connect", () => connection.cancel(processID, secretKey));
    connection.on("error", reject);
    // The server closes the connection once it has forwarded the request.
    connection.once("end", () => {
      clearTimeout(timer);
      resolve();
    });
    if (host.startsWith("/")) connection.connect(`${host}/.s.PGSQL.${port}`);
    else connection.connect(port, host);
  });
}

import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** A port of 127.0.0.1, from `lowest` to below `highest`, where a server could listen now; none of `taken`. */
export async function freePort(
  [lowest, highest]: readonly [lowest: number, highest: number],
  taken: readonly (number | undefined)[],
): Promise<number> {
  for (;;) {
    const port = randomInt(lowest, highest);
    if (!taken.includes(port) && (await isFree(port))) return port;
  }
}

/** Whether a server could listen there now. */
export function isFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { primaryClients } from "./primary-client.ts";

/** A message of PostgreSQL's protocol. */
function message(type: string, body: Buffer): Buffer {
  const header = Buffer.alloc(5);
  header.write(type);
  header.writeInt32BE(4 + body.length, 1);
  return Buffer.concat([header, body]);
}
const authenticated = message("R", Buffer.alloc(4));
const ready = message("Z", Buffer.from("I"));
const goingDown = message(
  "E",
  Buffer.from("SFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"),
);

// No real server can be made to say both in one packet; under load they do.
test("a server that goes down right after its greeting fails the connection, and not the process", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(Buffer.concat([authenticated, ready, goingDown])));
  }).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const pool = new pg.Pool({
    Client: primaryClients(undefined).Client,
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    user: "douya",
  });
  pool.on("error", () => {});
  onTestFinished(() => pool.end());
  for (let i = 0; i < 3; i++) await expect(pool.query("select 1")).rejects.toMatchObject({ code: "57P01" });
  expect(pool.totalCount).toBe(0);
});

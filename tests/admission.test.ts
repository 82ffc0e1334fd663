import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { body } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

const server = scenario("all", { env: { DOUYA_LIMITS: "on" } });
/** Twice what is let in at once at first. */
const many = 40;

async function line(): Promise<Socket> {
  const { hostname, port } = new URL(server.origin);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  return socket;
}

async function expectService(): Promise<void> {
  for (const path of ["/hot-users", "/feed"]) body(await server.api("GET", path));
}

test("who asks many things at once on one line and hangs up leaves no place taken", async () => {
  const request = "GET /api/v1/hot-users HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (let i = 0; i < 5; i++) {
    const socket = await line();
    socket.write(request.repeat(many));
    socket.destroy();
  }
  await until("everybody is served again", async () => {
    await expectService();
    return true;
  });
});

test("who sends slowly takes nobody's place", async () => {
  const form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 10";
  for (let i = 0; i < many; i++) {
    const socket = await line();
    socket.write(`POST /douyin/favorite/action/ HTTP/1.1\r\nHost: localhost\r\n${form}\r\n\r\n`);
    socket.write(`a`);
  }
  await expectService();
  expect((await server.register()).id).not.toBe("");
});

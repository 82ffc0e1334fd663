import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { createTestDatabase } from "#platform/testing/test-database.ts";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { until, within } from "./harness/within.ts";

test("a process that ends asks its connections to come back, spread over time, and answers requests that wait", async () => {
  const folder = await mkdtemp(join(tmpdir(), "douya-drain-"));
  const own = await createTestDatabase();
  const program = startProgram(["serve"], {
    DOUYA_DATA: folder,
    DOUYA_DATABASE_URL: own.url,
    DOUYA_PORT: "0",
  });
  onTestFinished(async () => {
    await program.stop();
    await own.drop();
    await rm(folder, { recursive: true, force: true });
  });
  const [, port] = (await program.printed(/http:\/\/127.0.0.1:(\d+)/)) ?? [];
  const api = `http://127.0.0.1:${port}/api/v1`;
  const json = { username: "ada", password: "correct horse battery" };
  const { accessToken } = body(await send<Schemas["Session"]>("POST", `${api}/users`, { json }), 201);
  const ends = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = new WebSocket(api.replace("http", "ws").concat("/realtime"), "douya.1");
      const frames: { type: string; afterMs?: number }[] = [];
      let code: number | undefined;
      socket.on("open", () =>
        socket.send(JSON.stringify({ type: "hello", token: accessToken, device: "a" })),
      );
      socket.on("message", (data) => frames.push(JSON.parse(String(data))));
      socket.on("close", (with_) => {
        code = with_;
      });
      await until("the welcome", () => frames.some(({ type }) => type === "welcome"));
      return () => ({ last: frames.at(-1), code });
    }),
  );
  const authorization = `Bearer ${accessToken}`;
  type Answer = { epoch: string; seq: string; entries: unknown[] };
  const ask = (query = "") =>
    send<Answer>("GET", `${api}/realtime/entries${query}`, { headers: { authorization } });
  const { epoch } = body(await ask());
  const waiting = ask(`?epoch=${epoch}&after=0`);
  await until("it waits", async () => {
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return /douya_realtime_receivers 21/.test(metrics);
  });
  program.signal("SIGTERM");
  expect(body(await waiting)).toEqual({ epoch, seq: "0", recovered: true, entries: [] });
  expect(await within(program.ended, () => program.output())).toMatchObject({ code: 0 });
  // The end of the process may be heard before those of its connections.
  for (const end of ends)
    await expect.poll(end).toEqual({ last: { type: "reconnect", afterMs: expect.any(Number) }, code: 1001 });
});

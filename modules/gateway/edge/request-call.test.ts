import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import fastify from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { readTraceContext } from "#platform/observe/trace-context.ts";
import { type Call, withinDeadline } from "#platform/rpc/call.ts";
import { callOf, watchClients } from "./request-call.ts";
import { filePolicy } from "./route-table.ts";

const app = fastify();
watchClients(app);
const signals: AbortSignal[] = [];
let answer = (_body: object) => {};
app.post("/", async (request) => {
  signals.push(callOf(request).signal!);
  return new Promise((resolve) => (answer = resolve));
});

test("a page with many concurrent calls causes no leak warning", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  process.on("warning", onWarning);
  onTestFinished(() => void process.off("warning", onWarning));
  const many = fastify();
  watchClients(many);
  onTestFinished(() => many.close());
  many.get("/", async (request) => {
    const outer = callOf(request);
    const inner = (call: Call) => Promise.all(Array.from({ length: 40 }, () => withinDeadline(call, soon)));
    return (await Promise.all([inner(outer), withinDeadline(outer, inner)])).flat();
  });
  const soon = () => new Promise<number>((resolve) => setImmediate(() => resolve(1)));
  expect((await many.inject("/")).json()).toHaveLength(80);
  expect(warnings).toEqual([]);
});

test("calls continue the trace of their request, with the priority of the route", async () => {
  const one = fastify({ genReqId: (request) => readTraceContext(request.headers.traceparent).traceId });
  onTestFinished(() => one.close());
  const calls: Call[] = [];
  for (const priority of ["essential", "normal"] as const)
    one.get(
      `/${priority}`,
      { config: { policy: { ...filePolicy, priority } } },
      async (request) => void calls.push(callOf(request)),
    );
  const [traceId, spanId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
  const headers = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: "rojo=1" };
  await one.inject({ url: "/essential", headers });
  await one.inject({ url: "/normal", headers: { traceparent: "no context", tracestate: "rojo=1" } });
  expect(calls[0]).toMatchObject({
    traceId,
    spanId,
    sampled: true,
    traceState: "rojo=1",
    priority: "essential",
  });
  const { spanId: none, traceState, priority } = calls[1]!;
  expect([none, traceState, priority]).toEqual([undefined, undefined, "normal"]);
});

test("a request's calls end when its client hangs up, and not before nor after its answer", async () => {
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const client = connect(port, "127.0.0.1");
  const ask = () =>
    client.write(
      'POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 7\r\n\r\n{"a":1}',
    );
  ask();
  await expect.poll(() => signals.length).toBe(1);
  expect(signals[0]!.aborted).toBe(false);
  const answered = once(client, "data");
  answer({});
  await answered;
  ask();
  await expect.poll(() => signals.length).toBe(2);
  client.destroy();
  await expect.poll(() => signals.map(({ aborted }) => aborted)).toEqual([false, true]);
  expect(signals[1]!.reason).toMatchObject({ reason: "CALLER_GONE" });
  await app.close();
});

test("a call that is made when its client has hung up already is over, and one after the answer is not", async () => {
  const late = fastify();
  onTestFinished(() => late.close());
  watchClients(late);
  const calls: Call[] = [];
  late.get("/", (request, reply) => {
    reply.raw.once("close", () => calls.push(callOf(request)));
    if (request.headers.answer) void reply.send("here");
  });
  await late.listen({ host: "127.0.0.1", port: 0 });
  const { port } = late.server.address() as AddressInfo;
  const client = connect(port, "127.0.0.1");
  client.write("GET / HTTP/1.1\r\nhost: x\r\nanswer: yes\r\n\r\n");
  await expect.poll(() => calls.length).toBe(1);
  client.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n", () => client.destroy());
  await expect.poll(() => calls.length).toBe(2);
  expect(calls.map(({ signal }) => signal?.aborted)).toEqual([false, true]);
});

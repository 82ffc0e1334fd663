import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { DescService } from "@bufbuild/protobuf";
import { beforeAll, describe, expect, test } from "vitest";
import { callersOf, table } from "#apps/server/targets.ts";
import { createServiceTokens, type ServiceTokens } from "#platform/rpc/service-token.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import { type Random, randomOf, testSeed } from "#platform/testing/random.ts";
import { freshClip } from "./harness/clips.ts";
import { type Shape, shapes } from "./harness/deployment.ts";
import { answerToCall, hostileCall } from "./harness/hostile-calls.ts";
import { type HostileRequest, hostileRequest, type Plausible } from "./harness/hostile-requests.ts";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { type Route, routeTable } from "./harness/route-table.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { within } from "./harness/within.ts";

const seed = testSeed("hostile requests");
/** `npm run test:hostile` sends many more; all numbers can be chosen, to repeat a finding. */
const requestsTo: Record<Shape, number> = {
  all: Number(process.env.HOSTILE_REQUESTS ?? 1500),
  split: Number(process.env.HOSTILE_SPLIT_REQUESTS ?? 250),
  cluster: 250,
};
const calls = Number(process.env.HOSTILE_CALLS ?? 300);
const AT_ONCE = 8;
/** They end sessions, or remove what the other requests need. */
const ENDING =
  /^(DELETE|PUT) \/api\/v1\/(sessions.*|me|videos\/:id|videos\/:id\/hold)$|^POST .*sessions\/refresh$/;

describe.each(shapes)("any request, %s", (shape) => {
  const requests = requestsTo[shape];
  // A caller with the secret is one of our modules; a request that none should send is logged as an error.
  const server = scenario(shape, { mayLogErrors: shape === "split" });
  let routes: Route[];
  let known: Plausible;
  let ending: Plausible;
  beforeAll(async () => {
    routes = await routeTable();
    const people = await Promise.all([
      server.register(),
      server.register(),
      server.register(),
      server.register(),
    ]);
    const [owner, member, moderator, leaving] = people as [Person, Person, Person, Person];
    const { dataDir, databaseUrl } = server.deployment;
    const environment = { DOUYA_DATA: dataDir, DOUYA_DATABASE_URL: databaseUrl };
    const naming = startProgram(["moderator", "add", moderator.username], environment);
    await within(naming.ended, () => "naming a moderator does not end");
    const file = freshClip();
    const video = await owner.settled((await owner.publish(file)).id);
    const comment = body(
      await member.post<Schemas["Comment"]>(`/videos/${video.id}/comments`, { json: { text: "something" } }),
      201,
    );
    const blob = new URL(video.playUrl!).pathname.split("/").pop()!;
    const values: Plausible["values"] = {
      id: [video.id, owner.id, moderator.id],
      ...Object.fromEntries(
        ["userid", "touserid", "authorid"].map((name) => [name, [owner.id, moderator.id]]),
      ),
      videoid: [video.id],
      commentid: [comment.id],
      actiontype: ["1", "2"],
      token: [member, moderator].map(({ session }) => session.accessToken),
      ...Object.fromEntries(
        ["text", "title", "content", "commenttext", "name"].map((name) => [name, ["some words"]]),
      ),
      username: [owner.username],
      password: ["correct horse"],
      latesttime: ["0", String(Date.now())],
      limit: ["1", "20"],
      namespace: ["video", "cover", "source", "avatar"],
      file: [blob],
      kind: ["avatar", "background"],
    };
    const host = new URL(server.origin).host;
    known = {
      host,
      values,
      tokens: [undefined, member.session.accessToken, moderator.session.accessToken],
      file,
    };
    ending = { ...known, values: {}, tokens: [undefined, leaving.session.accessToken] };
  });

  test(
    `is answered, and by no failure: ${requests} requests of seed ${seed}`,
    async () => {
      const random = randomOf(seed);
      const apis = routes.filter(({ url }) => /^\/(api|douyin)\//.test(url));
      const failures: string[] = [];
      let left = requests;
      async function ask(): Promise<void> {
        while (left-- > 0 && failures.length < 20) {
          const route = random.of(random.chance(0.85) ? apis : routes);
          const leads = ENDING.test(`${route.method} ${route.url}`) ? ending : known;
          const request = hostileRequest(random, route, leads);
          const { status, retryAfter, text } = await answerTo(server.origin, request);
          // A machine without room at the moment is no failure; it says when to retry.
          if (status >= 100 && (status < 500 || (status === 503 && retryAfter))) continue;
          const sent = `${request.head.slice(0, 400)}${request.body.toString("latin1", 0, 400)}`;
          failures.push(`${status} ${text.slice(0, 300)}\n${sent}`);
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, ask));
      expect(failures.slice(0, 5), `${failures.length} of seed ${seed}`).toEqual([]);
      expect(body(await send(`GET`, `${server.origin}/livez`))).toEqual({ alive: true });
      for (const program of server.deployment.programs())
        expect(program.output()).not.toMatch(/"level":[56]0/);
    },
    Math.max(5 * patienceMs, requests * 100),
  );

  // Declared only where it runs: in CI a skipped test counts as failed.
  if (shape === "split")
    test(
      `modules answer only each other, and go on: ${calls} calls of seed ${seed}`,
      async () => {
        const random = randomOf(seed);
        const secret = (await readFile(join(server.deployment.dataDir, "cluster-secret"), "utf8")).trim();
        const forged = await forgedTokens();
        const tokens = createServiceTokens(secret);
        const [person, other] = await Promise.all([server.register(), server.register()]);
        const ids = [person.id, other.id, known.values.videoid![0]!, known.values.commentid![0]!];
        const callable = await callableMethods(tokens);
        const modules = await Promise.all(
          [...Object.keys(table), "stranger"].map((module) => tokens.issue(module, anyService)),
        );
        const failures: string[] = [];
        let trusted = 0;
        let refused = 0;
        let left = calls;
        async function ask(): Promise<void> {
          while (left-- > 0 && failures.length < 20) {
            const { module, ...method } = random.of(callable);
            const others = modules.filter((token) => !method.tokens.includes(token));
            const call = hostileCall(random, method, [...forged, ...others], ids);
            const answer = await answerToCall(server.deployment.rpcAddressOf(module), call);
            if (call.trusted) trusted++;
            // Without a status: the bytes were no call.
            if (answer.reason?.startsWith("SERVICE_")) refused++;
            if (answer.status !== "none" && (call.trusted || answer.status !== "0")) continue;
            failures.push(JSON.stringify([method.path, call.headers, call.end, answer]).slice(0, 1000));
          }
        }
        await Promise.all(Array.from({ length: AT_ONCE }, ask));
        expect(failures.slice(0, 5), `${failures.length} of seed ${seed}`).toEqual([]);
        expect(Math.min(trusted, refused)).toBeGreaterThan(calls / 4);

        const [ported] = callable;
        for (const noise of rawNoise(random))
          await closedAfter(server.deployment.rpcAddressOf(ported!.module), noise);
        // Every process keeps running.
        body(await send("GET", `${server.origin}/api/v1/feed`));
        expect((await server.register()).id).toMatch(/^\d+$/);
        for (const program of server.deployment.programs()) {
          // A stack belongs to the refusal of a request that no module makes; otherwise there is none.
          const errors = program
            .output()
            .split("\n")
            .filter((line) => /"level":[56]0/.test(line));
          for (const line of errors) expect(JSON.parse(line)).toMatchObject({ msg: "internal error" });
          expect(program.output()).not.toMatch(/^ +at .*:\d+:\d+\)?$/m);
        }
      },
      Math.max(5 * patienceMs, calls * 100),
    );
});

const anyService = "douya.user.v1.UserService";

/** Methods of every module, with tokens of those that may call them. */
async function callableMethods(tokens: ServiceTokens) {
  const methods = Object.keys(table).flatMap((module) => {
    const service: DescService | undefined = table[module]!.module.service;
    return (service?.methods ?? []).map((method) => {
      const callers = [...callersOf(module)].filter(([, allowed]) => allowed.has(method.localName));
      const path = `/${service!.typeName}/${method.name}`;
      const { typeName } = service!;
      return { module, typeName, path, input: method.input, callers: callers.map(([caller]) => caller) };
    });
  });
  const called = methods.filter(({ callers }) => callers.length > 0);
  return Promise.all(
    called.map(async ({ callers, typeName, ...method }) => ({
      ...method,
      tokens: await Promise.all(callers.map((caller) => tokens.issue(caller, typeName))),
    })),
  );
}

async function forgedTokens(): Promise<string[]> {
  const elsewhere = await createServiceTokens("another secret of thirty-two bytes").issue(
    "gateway",
    anyService,
  );
  const [header, payload] = elsewhere.split(".");
  const none = Buffer.from('{"alg":"none"}').toString("base64url");
  return [
    "",
    "x",
    "a.b.c",
    "Bearer x",
    elsewhere,
    `${header}.${payload}.`,
    `${none}.${payload}.`,
    "e30.".repeat(2000),
  ];
}

/** Not HTTP/2, or not for long. */
function rawNoise(random: Random): Buffer[] {
  const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  const ping = Buffer.from([0, 0, 8, 6, 0, 0, 0, 0, 0, ...Buffer.alloc(8)]);
  return [
    Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    random.bytes(5000),
    Buffer.concat([preface, random.bytes(5000)]),
    Buffer.concat([preface, ...Array.from({ length: 20_000 }, () => settings)]),
    Buffer.concat([preface, settings, ...Array.from({ length: 20_000 }, () => ping)]),
  ];
}

/** Sends it, and waits until the other side closes or has read all of it. */
function closedAfter(address: string, noise: Buffer): Promise<void> {
  const { hostname, port } = new URL(`http://${address}`);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.setTimeout(patienceMs, () => socket.destroy());
    socket.on("error", () => {}).on("close", () => resolve());
    socket.resume().end(noise);
  });
}

/** Status 0: the connection was closed without an answer; -1: nothing came for a long time. */
function answerTo(origin: string, { head, body }: HostileRequest) {
  const { hostname, port } = new URL(origin);
  return new Promise<{ status: number; retryAfter: boolean; text: string }>((resolve) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let text = "";
    const settle = (late: boolean) => {
      const [answer = ""] = text.replace(/^HTTP\/1\.1 100 [^\r]*\r\n\r\n/, "").split("\r\n\r\n", 1);
      const status = late ? -1 : Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
      socket.destroy();
      resolve({ status, retryAfter: /^retry-after: \d/im.test(answer), text });
    };
    socket.setTimeout(patienceMs, () => settle(true));
    socket.on("error", () => {});
    socket.on("close", () => settle(false));
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      if (text.length < 4000) text += chunk;
      // An endless answer counts by its beginning.
      if (/^HTTP\/1\.1 200[\s\S]*text\/event-stream/.test(text)) socket.end();
    });
    socket.write(head, "latin1");
    socket.write(body);
  });
}

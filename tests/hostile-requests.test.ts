import { connect } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import { patienceMs } from "#platform/testing/patience.ts";
import { freshClip } from "./harness/clips.ts";
import { type HostileRequest, hostileRequest, type Plausible, randomOf } from "./harness/hostile-requests.ts";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { type Route, routeTable } from "./harness/route-table.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { within } from "./harness/within.ts";

const seed = Number(process.env.HOSTILE_SEED ?? Date.now() % 2 ** 32);
/** `npm run test:hostile` sends many more; both may be chosen, to repeat what was found. */
const requests = Number(process.env.HOSTILE_REQUESTS ?? 3000);
const AT_ONCE = 8;
/** They end sessions, or what the other requests are about. */
const ENDING =
  /^(DELETE|PUT) \/api\/v1\/(sessions.*|me|videos\/:id|videos\/:id\/hold)$|^POST .*sessions\/refresh$/;

describe("whatever is asked", () => {
  const server = scenario("all");
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
          // What the machine has no room for at the moment is no failure; it says when to come again.
          if (status >= 100 && (status < 500 || (status === 503 && retryAfter))) continue;
          const sent = `${request.head.slice(0, 400)}${request.body.toString("latin1", 0, 400)}`;
          failures.push(`${status} ${text.slice(0, 300)}\n${sent}`);
        }
      }
      await Promise.all(Array.from({ length: AT_ONCE }, ask));
      expect(failures.slice(0, 5), `${failures.length} of seed ${seed}`).toEqual([]);
      expect(body(await send(`GET`, `${server.origin}/livez`))).toEqual({ alive: true });
    },
    Math.max(5 * patienceMs, requests * 100),
  );
});

/** Status 0: the connection was closed without an answer; -1: nothing came in a long time. */
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
      // One that goes on for ever is answered by its beginning.
      if (/^HTTP\/1\.1 200[\s\S]*text\/event-stream/.test(text)) socket.end();
    });
    socket.write(head, "latin1");
    socket.write(body);
  });
}

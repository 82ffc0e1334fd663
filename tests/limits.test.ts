import { describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { type Answer, body, expectProblem, send } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

/** By address, since the sender is not known yet. */
const renewal = "POST /api/v1/sessions/refresh";

/**
 * The promise: a number at once, then a number a minute, and in between what a very active person does at one
 * sitting. Routes that end the sender's session are left out.
 */
const rows = [
  {
    burst: 40,
    perMinute: 20,
    evening: 20,
    routes: [
      "POST /api/v1/videos/:id/comments",
      "POST /api/v1/videos/:id/comments/:commentId/replies",
      "POST /douyin/comment/action",
    ],
  },
  {
    burst: 150,
    perMinute: 40,
    evening: 80,
    routes: [
      "PUT /api/v1/users/:id/follow",
      "DELETE /api/v1/users/:id/follow",
      "POST /douyin/relation/action",
    ],
  },
  {
    burst: 200,
    perMinute: 100,
    evening: 100,
    routes: [
      "PUT /api/v1/videos/:id/like",
      "DELETE /api/v1/videos/:id/like",
      "PUT /api/v1/videos/:id/dislike",
      "DELETE /api/v1/videos/:id/dislike",
      "POST /douyin/favorite/action",
    ],
  },
  {
    burst: 30,
    perMinute: 20,
    evening: 20,
    routes: [
      "PUT /api/v1/conversations/:userId/messages/:messageId/reactions/:emoji",
      "DELETE /api/v1/conversations/:userId/messages/:messageId/reactions/:emoji",
    ],
  },
  {
    burst: 100,
    perMinute: 60,
    evening: 60,
    routes: ["POST /api/v1/conversations/:userId/messages", "POST /douyin/message/action"],
  },
  {
    burst: 600,
    perMinute: 300,
    evening: 200,
    routes: ["PUT /api/v1/conversations/:userId/read", "PUT /api/v1/notifications/seen"],
  },
  {
    burst: 60,
    perMinute: 20,
    evening: 20,
    routes: ["PUT /api/v1/users/:id/block", "DELETE /api/v1/users/:id/block"],
  },
  { burst: 20, perMinute: 10, evening: 10, routes: ["POST /api/v1/videos/:id/comments/:commentId/report"] },
  { burst: 20, perMinute: 10, evening: 8, routes: ["PATCH /api/v1/me"] },
  {
    burst: 15,
    perMinute: 5,
    evening: 6,
    routes: [
      "PUT /api/v1/me/avatar",
      "DELETE /api/v1/me/avatar",
      "PUT /api/v1/me/background",
      "DELETE /api/v1/me/background",
    ],
  },
  { burst: 30, perMinute: 10, evening: 12, routes: ["POST /api/v1/videos", "POST /douyin/publish/action"] },
  { burst: 60, perMinute: 30, evening: 20, routes: ["GET /api/v1/sessions", "DELETE /api/v1/sessions/:id"] },
  {
    burst: 300,
    perMinute: 120,
    evening: 100,
    routes: [
      "DELETE /api/v1/videos/:id",
      "DELETE /api/v1/videos/:id/comments/:commentId",
      "PUT /api/v1/videos/:id/hold",
      "DELETE /api/v1/videos/:id/hold",
    ],
  },
  { burst: 1_200, perMinute: 600, evening: 0, routes: ["POST /api/v1/sessions/refresh"] },
];

describe("limits over HTTP", () => {
  const server = scenario("all", { env: { DOUYA_LIMITS: "on" } });
  const withSlash = (path: string) => (path.startsWith("/douyin/") ? `${path}/` : path);

  /** Requests something that does not exist, which counts like anything else. */
  function ask(route: string, { session }: Person): Promise<Answer<unknown>> {
    const [method, path] = route.split(" ") as [string, string];
    const classic = path.startsWith("/douyin/");
    const url = server.origin + withSlash(path.replace(/:\w+/g, "1"));
    const { accessToken: token } = session;
    if (classic && path.includes("/publish/")) {
      const bytes = new FormData();
      bytes.append("token", token);
      return send(method, url, { bytes });
    }
    if (classic) return send(method, `${url}?token=${token}`);
    const json = method === "GET" || method === "DELETE" ? undefined : {};
    return send(method, url, { token, json });
  }

  const askAll = async (asked: [string, Person][]) => {
    const answers: Answer<unknown>[] = [];
    for (let i = 0; i < asked.length; i += 20)
      answers.push(...(await Promise.all(asked.slice(i, i + 20).map(([route, who]) => ask(route, who)))));
    return answers;
  };
  const refusedOf = (answers: Answer<unknown>[]) => answers.filter(({ status }) => status === 429);

  test("a person who does much of everything never meets one", async () => {
    const ada = await server.register();
    const asked = rows.flatMap(({ evening, routes }) =>
      Array.from({ length: evening }, (): [string, Person] => [routes[0]!, ada]),
    );
    expect(refusedOf(await askAll(asked))).toEqual([]);
  });

  test.each(rows)("$routes: a number, then 429 with the time to retry, for this person alone", async ({
    burst,
    perMinute,
    routes,
  }) => {
    const [eve, ada] = [await server.register(), await server.register()];
    const cycle = (count: number) =>
      Array.from({ length: count }, (_, i): [string, Person] => [routes[i % routes.length]!, eve]);
    const startedMs = performance.now();
    expect(refusedOf(await askAll(cycle(burst)))).toEqual([]);
    /** Tokens have been added during the requests. */
    const untilRefused = async (who: Person) => {
      for (let more = 1; ; more++) {
        expect(more).toBeLessThanOrEqual(2 + ((performance.now() - startedMs) / 60_000) * perMinute);
        const [refused] = refusedOf([await ask(routes[0]!, who)]);
        if (refused) return refused;
      }
    };
    expect(expectProblem(await untilRefused(eve), 429, "TOO_MANY_REQUESTS").retryAfterMs).toBeGreaterThan(0);
    // Each is refused in the form of its API, unless a token was added meanwhile.
    for (const route of routes) {
      const answer = await ask(route, eve);
      if (answer.status === 429) expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
      if (answer.status === 429 && route.includes("/douyin/"))
        expect(answer.body).toMatchObject({
          status_code: expect.any(Number),
          status_msg: expect.any(String),
        });
    }
    if (routes[0] === renewal) await untilRefused(ada);
    else expect((await ask(routes[0]!, ada)).status).not.toBe(429);
    body(await eve.get("/me"));
  });

  test("what players tell is counted by its entries, however few requests it comes in", async () => {
    const [ada, ben] = [await server.register(), await server.register()];
    const video = await ada.settled((await ada.publish(freshClip())).id);
    const tell = async (who: Person, entries: number) => {
      const json = { videoIds: [video.id] };
      const { sessions } = body(
        await who.post<{ sessions: { token: string }[] }>("/playback/sessions", { json }),
      );
      const entry = { token: sessions[0]!.token, positionMs: 0, watchedMs: 0 };
      return who.post("/playback/beacons", {
        json: { entries: Array.from({ length: entries }, () => entry) },
      });
    };
    let told = 0;
    await until("a refusal", async () => {
      const answer = await tell(ada, 100);
      if (answer.status === 202) told += 100;
      else expectProblem(answer, 429, "TOO_MANY_REQUESTS");
      return answer.status === 429;
    });
    expect(told).toBeGreaterThanOrEqual(1_200);
    body(await tell(ben, 100), 202);
  });

  test("forged tokens use up the limit of their address, and a neighbour with an expired session is still told", async () => {
    const [ada, ben] = [await server.register(), await server.register()];
    expect((await ada.delete("/sessions/current")).status).toBe(204);
    const forge = () => server.api("GET", "/me", { token: "forged" });
    const heard: number[] = [];
    for (let i = 0; i < 200 && !heard.includes(429); i++)
      heard.push(...(await Promise.all(Array.from({ length: 20 }, forge))).map(({ status }) => status));
    expect(new Set(heard)).toEqual(new Set([401, 429]));
    expect(heard.indexOf(429)).toBeGreaterThanOrEqual(600);
    expectProblem(await ada.get("/me"), 401, "SESSION_ENDED");
    body(await ben.get("/me"));
    body(await server.api("GET", "/feed"));
  });
});

import { describe, expect, test } from "vitest";
import { classicClient } from "./harness/classic-client.ts";
import { shapes } from "./harness/deployment.ts";
import { type Answer, body, expectProblem, type Problem } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";

const megabyte = 1024 * 1024;

describe.each(shapes)("a thousand logins at once, %s", (shape) => {
  const server = scenario(shape);
  const classicApi = classicClient(() => server.origin);

  test("some are let in, the rest are told when to retry, and nobody else notices", async () => {
    const ada = await server.register();
    const programs = server.deployment.programs();
    const memory = () => programs.map((program) => program.memoryBytes() ?? 0);
    const restBytes = memory();
    const most = [...restBytes];
    let watched = 0;
    let over = false;
    const watching = (async () => {
      while (!over) {
        const { status } = await server.api("GET", "/feed");
        expect([200, 503]).toContain(status);
        if (status === 200) watched++;
        memory().forEach((bytes, i) => {
          most[i] = Math.max(most[i]!, bytes);
        });
      }
    })();

    const json = { username: ada.username, password: ada.password };
    const login = (i: number): Promise<Answer<unknown>> =>
      i % 10 === 0
        ? classicApi.post("/user/login/", json)
        : server.api("POST", "/sessions", { json: i % 3 === 0 ? { ...json, password: "wrong" } : json });
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) => login(i)));
    over = true;
    await watching;

    const busy = answers.filter(({ status }) => status === 429 || status === 503 || status === 504);
    const others = answers.filter((answer) => !busy.includes(answer));
    for (const answer of busy) expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    for (const answer of others) expect([200, 201, 401], answer.text).toContain(answer.status);
    // Everybody whose turn comes in time is let in, which is more on a faster machine.
    expect(others.length).toBeGreaterThan(0);
    const problem = busy.find(({ status, body }) => status === 429 && "reason" in (body as object));
    if (problem) expect(expectProblem(problem, 429, "BUSY").retryAfterMs).toBeGreaterThan(0);

    // Each hash takes 19 MiB while it runs; a thousand at once would take 19 GiB.
    most.forEach((bytes, i) => {
      expect(bytes - restBytes[i]!).toBeLessThan(256 * megabyte);
    });
    expect(watched).toBeGreaterThan(0);
    await server.logIn(ada.username, ada.password);
  });
});

describe.each(shapes)("limits, %s", (shape) => {
  const server = scenario(shape, { env: { DOUYA_LIMITS: "on" } });

  test("guessing passwords is slowed down, with the time to wait", async () => {
    const ada = await server.register();
    const ben = await server.register();
    const json = { username: ada.username, password: "a guess" };
    const statuses = [];
    let last: Answer<Problem> | undefined;
    for (let i = 0; i < 2000; i++) {
      last = await server.api<Problem>("POST", "/sessions", { json });
      statuses.push(last.status);
      if (last.status === 429) break;
    }
    expect(new Set(statuses.slice(0, -1))).toEqual(new Set([401]));
    // A hundred for one person, more than many others behind the same address use together.
    expect(expectProblem(last!, 429, "TOO_MANY_ATTEMPTS").retryAfterMs).toBeLessThanOrEqual(60_000);
    expect(statuses).toHaveLength(101);
    body(
      await server.api("POST", "/sessions", {
        json: { ...json, username: ben.username, password: ben.password },
      }),
      201,
    );
    // People who are logged in are not affected.
    body(await ada.get("/me"));
  });

  test("a school can register at once, but no address without end", async () => {
    const register = async (i: number) => {
      const json = { username: `many ${i}`, password: "correct horse" };
      const answer = await server.api<Problem>("POST", "/users", { json });
      return answer.status === 201 ? "registered" : answer.body.reason;
    };
    // Attempts refused because the machine is busy are counted, since the limit did not refuse them.
    const reasons = await Promise.all(Array.from({ length: 400 }, (_, i) => register(i)));
    const refused = reasons.filter((reason) => reason === "TOO_MANY_REQUESTS").length;
    expect(reasons).toContain("registered");
    expect(refused).toBeGreaterThan(0);
    expect(refused).toBeLessThanOrEqual(100 + 2);
  });
});

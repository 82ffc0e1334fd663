import { describe, expect, test } from "vitest";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Schemas } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";

type Session = Schemas["Session"];
type User = Schemas["User"];
type Devices = { items: Schemas["Device"][] };

describe.each(shapes)("accounts, %s", (shape) => {
  const server = scenario(shape);

  test("a registration logs in, as the person they said", async () => {
    const json = { username: "Ada Lovelace", password: "enchantress" };
    const session = body(await server.api<Session>("POST", "/users", { json }), 201);
    expect(session.user).toMatchObject({ username: "Ada Lovelace", name: "Ada Lovelace", signature: "" });
    expect(session.user.counts).toEqual({
      videos: 0,
      following: 0,
      followers: 0,
      likesReceived: 0,
      likesGiven: 0,
    });
    expect(session.user.id).toMatch(/^[1-9]\d{17,18}$/);
    const leftMs = Date.parse(session.accessTokenExpiresAt) - Date.now();
    expect(leftMs).toBeGreaterThan(14 * 60_000);
    expect(leftMs).toBeLessThanOrEqual(15 * 60_000);
    expect(body(await server.api<User>("GET", "/me", { token: session.accessToken }))).toEqual({
      ...session.user,
      closingRefused: null,
      mutedUntil: null,
    });
    expect(body(await server.api<User>("GET", `/users/${session.user.id}`))).toEqual(session.user);
  });

  test("a wrong name and a wrong password cannot be told apart", async () => {
    const ada = await server.register();
    const wrong = { username: ada.username, password: "not this one" };
    const unknown = { username: `${ada.username}-not`, password: ada.password };
    const one = expectProblem(await server.api("POST", "/sessions", { json: wrong }), 401, "BAD_CREDENTIALS");
    const other = expectProblem(
      await server.api("POST", "/sessions", { json: unknown }),
      401,
      "BAD_CREDENTIALS",
    );
    expect({ ...one, traceId: "" }).toEqual({ ...other, traceId: "" });
  });

  test("logging in gives another session of the same person", async () => {
    const ada = await server.register();
    const again = await server.logIn(ada.username.toUpperCase(), ada.password);
    expect(again.id).toBe(ada.id);
    expect(again.session.accessToken).not.toBe(ada.session.accessToken);
  });

  test("a refresh token is swapped for a new one; older ones and invented ones are refused", async () => {
    const ada = await server.register();
    const refresh = (refreshToken: string) =>
      server.api<Session>("POST", "/sessions/refresh", { json: { refreshToken } });
    const first = body(await refresh(ada.session.refreshToken));
    expect(first.user.id).toBe(ada.id);
    expect(first.refreshToken).not.toBe(ada.session.refreshToken);
    // An answer may be lost, so the token before still works for a moment.
    const second = body(await refresh(ada.session.refreshToken));
    body(await refresh(second.refreshToken));
    expectProblem(await refresh(ada.session.refreshToken), 401, "SESSION_ENDED");
    const [userId, sessionId, secret] = second.refreshToken.split(".") as [string, string, string];
    const other = await server.register();
    for (const token of [
      "",
      "a.b.c",
      "1.2.3",
      "x".repeat(200),
      `${userId}.${sessionId}`,
      `${userId}.${sessionId}.`,
      `${userId}.${sessionId}.${secret.split("").reverse().join("")}`,
      `${other.id}.${sessionId}.${secret}`,
      `99999999999999999999.${sessionId}.${secret}`,
    ])
      expectProblem(await refresh(token), 401, "SESSION_ENDED");
  });

  test("logging out ends the token at once, and no other", async () => {
    const ada = await server.register();
    const phone = await server.logIn(ada.username, ada.password);
    body(await phone.get("/me"));
    expect((await phone.delete("/sessions/current")).status).toBe(204);
    expectProblem(await phone.get("/me"), 401, "SESSION_ENDED");
    expectProblem(
      await server.api("POST", "/sessions/refresh", { json: { refreshToken: phone.session.refreshToken } }),
      401,
      "SESSION_ENDED",
    );
    body(await ada.get("/me"));
  });

  test("devices are listed and ended one by one, or all at once", async () => {
    const ada = await server.register();
    const login = { username: ada.username, password: ada.password };
    const headers = { "user-agent": "Phone/1.0" };
    const phone = body(await server.api<Session>("POST", "/sessions", { json: login, headers }), 201);
    const tablet = await server.logIn(ada.username, ada.password);
    const { items } = body(await ada.get<Devices>("/sessions"));
    expect(items).toHaveLength(3);
    expect(items.filter((device) => device.current)).toHaveLength(1);
    const onPhone = items.find((device) => device.userAgent === "Phone/1.0")!;
    expect(onPhone.current).toBe(false);
    expect(Date.parse(onPhone.createdAt)).toBeGreaterThan(Date.now() - 60_000);

    const stranger = await server.register();
    await stranger.delete(`/sessions/${onPhone.id}`);
    body(await server.api("GET", "/me", { token: phone.accessToken }));

    expect((await ada.delete(`/sessions/${onPhone.id}`)).status).toBe(204);
    expectProblem(await server.api("GET", "/me", { token: phone.accessToken }), 401, "SESSION_ENDED");
    expect((await ada.delete("/sessions")).status).toBe(204);
    expectProblem(await tablet.get("/me"), 401, "SESSION_ENDED");
    expectProblem(await ada.get("/me"), 401, "SESSION_ENDED");
    body(await stranger.get("/me"));
  });

  test("a new password ends the other sessions and is the only one that works", async () => {
    const ada = await server.register("old password");
    const phone = await server.logIn(ada.username, "old password");
    const change = (currentPassword: string, newPassword: string) =>
      ada.put("/me/password", { json: { currentPassword, newPassword } });
    expectProblem(await change("not the old one", "another horse"), 403, "WRONG_PASSWORD");
    for (const [weak, reason] of [
      ["1234567", "PASSWORD_INVALID"],
      ["Pass Word", "PASSWORD_TOO_COMMON"],
      [`${ada.username}1`, "PASSWORD_LIKE_NAME"],
    ] as const) {
      expectProblem(await change("old password", weak), 422, reason);
      const json = { username: `${ada.username}1`, password: weak };
      expectProblem(await server.api("POST", "/users", { json }), 422, reason);
    }
    expect((await change("old password", "another horse")).status).toBe(204);
    body(await ada.get("/me"));
    expectProblem(await phone.get("/me"), 401, "SESSION_ENDED");
    const old = { username: ada.username, password: "old password" };
    expectProblem(await server.api("POST", "/sessions", { json: old }), 401, "BAD_CREDENTIALS");
    await server.logIn(ada.username, "another horse");
  });

  describe("in a cookie", () => {
    const ours = { "douya-session": "cookie" };
    const cookieOf = (answer: { headers: Headers }) =>
      answer.headers.getSetCookie().find((text) => text.startsWith("douya-session="));
    const pairOf = (answer: { headers: Headers }) => cookieOf(answer)?.split(";")[0];
    const enter = async (headers = {}) => {
      const ada = await server.register();
      const json = { username: ada.username, password: ada.password };
      return server.api<Session>("POST", "/sessions", { json, headers: { ...ours, ...headers } });
    };
    const refresh = (headers: Record<string, string>, json: object = {}) =>
      server.api<Session>("POST", "/sessions/refresh", { json, headers });

    test("our own client's refresh token comes and goes where no script and no other site reaches it", async () => {
      const entered = await enter();
      expect(body(entered, 201).refreshToken).toBe("");
      expect(cookieOf(entered)).toMatch(
        /^douya-session=[\w.-]+; Path=\/api\/v1\/sessions; Max-Age=\d+; HttpOnly; SameSite=Strict$/,
      );
      expect(Number(/Max-Age=(\d+)/.exec(cookieOf(entered)!)![1])).toBeGreaterThan(29 * 86_400);
      const next = await refresh({ ...ours, cookie: `other=1; ${pairOf(entered)}` });
      expect(body(next)).toMatchObject({ user: { id: entered.body.user.id }, refreshToken: "" });
      expect(pairOf(next)).not.toBe(pairOf(entered));
      // Two tabs that ask at once get the same.
      const both = await Promise.all([1, 2].map(() => refresh({ ...ours, cookie: pairOf(next)! })));
      expect(pairOf(both[0]!)).toBe(pairOf(both[1]!));
      body(await refresh({ ...ours, cookie: pairOf(both[1]!)! }));
    });

    test("no other site gets anything for it", async () => {
      const entered = await enter();
      const cookie = pairOf(entered)!;
      for (const headers of [{ cookie }, { cookie, "douya-session": "yes" }] as Record<string, string>[]) {
        const refused = await refresh(headers);
        expectProblem(refused, 422, "INVALID_ARGUMENT");
        expect(cookieOf(refused)).toBeUndefined();
      }
      for (const site of ["cross-site", "same-site", "none"])
        expectProblem(await refresh({ ...ours, cookie, "sec-fetch-site": site }), 403, "CROSS_SITE");
      body(await refresh({ ...ours, cookie, "sec-fetch-site": "same-origin" }));
      expectProblem(await refresh(ours), 401, "SESSION_ENDED");
      expectProblem(await refresh({ ...ours, cookie: "douya-session=1.2.3" }), 401, "SESSION_ENDED");
      // It is no token for anything else.
      expectProblem(await server.api("GET", "/me", { headers: { ...ours, cookie } }), 401, "LOGIN_REQUIRED");
    });

    test("an old token is moved into it", async () => {
      const ada = await server.register();
      const taken = await refresh(ours, { refreshToken: ada.session.refreshToken });
      expect(body(taken).refreshToken).toBe("");
      body(await refresh({ ...ours, cookie: pairOf(taken)! }));
    });

    test("logging out and deleting the account remove it", async () => {
      for (const [method, path, json] of [
        ["DELETE", "/sessions/current"],
        ["DELETE", "/sessions"],
        ["DELETE", "/me", { password: "correct horse" }],
      ] as const) {
        const entered = await enter();
        const token = entered.body.accessToken;
        const left = await server.api(method, path, { token, headers: ours, json });
        expect(left.status).toBeLessThan(300);
        expect(cookieOf(left)).toMatch(/^douya-session=; Path=\/api\/v1\/sessions; Max-Age=0;/);
        expectProblem(await refresh({ ...ours, cookie: pairOf(entered)! }), 401, "SESSION_ENDED");
      }
    });

    test("other clients get no cookie", async () => {
      const ada = await server.register();
      const json = { username: ada.username, password: ada.password };
      const entered = await server.api<Session>("POST", "/sessions", { json });
      expect(cookieOf(entered)).toBeUndefined();
      expect(body(entered, 201).refreshToken).not.toBe("");
    });
  });
});

describe("behind https", () => {
  const server = scenario("all", { env: { DOUYA_TRUST_PROXY: "1" } });

  test("the cookie is sent over https alone", async () => {
    const ada = await server.register();
    const json = { username: ada.username, password: ada.password };
    const headers = { "douya-session": "cookie", "x-forwarded-proto": "https" };
    const entered = await server.api<Session>("POST", "/sessions", { json, headers });
    expect(entered.headers.getSetCookie().join()).toMatch(/; Secure$/);
  });
});

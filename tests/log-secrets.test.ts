import { connect } from "node:net";
import * as grpc from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { classicClient } from "./harness/classic-client.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { send } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

/** The real program, at the most verbose level, with internal errors during operation. */
describe.each(shapes)("the log, %s", (shape) => {
  const server = scenario(shape, { mayLogErrors: true, env: { DOUYA_LOG_LEVEL: "trace" } });
  const classicApi = classicClient(() => server.origin);
  const output = () =>
    server.deployment
      .programs()
      .map((program) => program.output())
      .join("\n");

  test("has much, but no password, token, cookie or query from any place where a client can put one", async () => {
    const password = "sEcret-pass-of-ada";
    const ada = await server.register(password);
    const wrong = "wRong-pass-of-ada";
    const device = "dEvice-of-ada-0123456789";
    const cookie = `douya-device=${device}; douya-session=rEfresh-in-a-cookie`;
    const login = { username: ada.username, password };

    const classic = (await classicApi.post("/user/login/", login)).body.token!;
    const [access, refresh] = [ada.session.accessToken, ada.session.refreshToken];
    const answers = [
      await classicApi.post("/user/login/", { ...login, password: wrong }),
      await classicApi.post("/user/register/", { username: "x".repeat(200), password: wrong }),
      await classicApi.post("/user/login/", {}, { ...login, password: wrong }),
      await classicApi.get("/user/", { user_id: ada.id, token: classic }),
      await classicApi.get("/no/such/endpoint", { token: classic, password: wrong }),
      await classicApi.get("/feed", { token: `${classic}x` }),
      await classicApi.get("/feed", [
        ["token", classic],
        ["token", wrong],
      ]),
      await classicApi.publish([
        ["token", classic],
        ["password", wrong],
        ["title", ""],
        ["data", new Blob([freshClip()])],
      ]),
      await classicApi.publish(
        [
          ["token", `${classic}x`],
          ["data", new Blob(["none"])],
        ],
        { password: wrong },
      ),
      await server.api("GET", `/feed?token=${access}&password=${wrong}`, { token: `${access}x` }),
      await server.api("GET", "/me", { token: access, headers: { cookie } }),
      await server.api("POST", "/sessions", { json: { ...login, password: wrong }, headers: { cookie } }),
      await server.api("POST", "/sessions", {
        bytes: `{"password":"${wrong}"`,
        headers: { "content-type": "application/json" },
      }),
      await server.api("POST", "/sessions", { json: { ...login, password: { not: wrong } } }),
      await server.api("POST", "/sessions", { json: { ...login, [wrong]: wrong } }),
      await server.api("POST", "/sessions/refresh", { json: { refreshToken: refresh } }),
      await server.api("POST", "/sessions/refresh", {
        headers: { cookie, "douya-session": "cookie" },
        json: {},
      }),
      await ada.put("/me/password", { json: { currentPassword: wrong, newPassword: `${wrong}2` } }),
      await send("GET", `${server.origin}/metrics`, { headers: { authorization: `Bearer ${wrong}` } }),
      await send("GET", `${server.origin}/video/1?token=${classic}`, { headers: { accept: "text/html" } }),
      await send("GET", `${server.origin}/%ff?token=${classic}`),
      await send("OPTIONS", `${server.origin}/api/v1/feed?token=${classic}`),
      await send("GET", server.origin, { headers: { referer: `${server.origin}/?token=${classic}` } }),
    ];
    expect(answers.map(({ status }) => status)).not.toContain(500);

    // Not HTTP, but with a secret.
    const { port } = new URL(server.origin);
    const raw = connect(Number(port), "127.0.0.1");
    raw.end(`GET /?token=${classic} HTTP/1.1\r\nauthorization: Bearer ${classic}\r\nx: \0\r\n\r\n`);
    raw.on("error", () => {}).resume();

    // The RPC port, called by a stranger.
    const metadata = new grpc.Metadata();
    metadata.set("authorization", `Bearer ${classic}`);
    metadata.set("douya-token", wrong);
    if (shape === "split") {
      const client = new grpc.Client(
        server.deployment.rpcAddressOf("user"),
        grpc.credentials.createInsecure(),
      );
      const pass = (value: Buffer) => value;
      const refusal = (message: Buffer) =>
        new Promise<grpc.ServiceError | null>((resolve) => {
          const path = "/douya.user.v1.UserService/LogIn";
          client.makeUnaryRequest(path, pass, pass, message, metadata, resolve);
        });
      // With an unreadable message, and with a readable one.
      expect(await refusal(Buffer.from(wrong))).toBeInstanceOf(Error);
      expect(await refusal(Buffer.alloc(0))).toBeInstanceOf(Error);
      client.close();
    }

    // An internal error of requests that carry secrets.
    await server.deployment.programOf("user").kill();
    if (shape === "split") {
      await classicApi.post("/user/login/", login);
      await classicApi.get("/user/", { user_id: ada.id, token: classic });
      await server.api("POST", "/sessions", { json: login, headers: { cookie } });
      await until("a word about it", async () => output().includes('"level":'));
    }

    const said = output();
    expect(said).toContain('"level":');
    const secrets = { password, wrong, device, cookie: "rEfresh-in-a-cookie", access, refresh, classic };
    for (const [name, secret] of Object.entries(secrets)) {
      // The last part of a token is its signature.
      const part = secret.split(".").at(-1)!;
      const line = said.split("\n").find((one) => one.includes(secret) || one.includes(part));
      expect(line, name).toBeUndefined();
    }
  });
});

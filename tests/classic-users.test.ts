import { describe, expect, test } from "vitest";
import { classicClient, digits, ok, refused } from "./harness/classic-client.ts";
import { shapes } from "./harness/deployment.ts";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";

let names = 0;

describe.each(shapes)("/douyin/user, %s", (shape) => {
  const server = scenario(shape);
  const classicApi = classicClient(() => server.origin);
  const newName = () => `classic-${process.pid}-${++names}`;

  async function register(username = newName(), password = "pa55word") {
    const answer = await classicApi.post("/user/register/", { username, password });
    const { token } = ok(answer);
    return { username, password, token: token!, id: digits(answer, "user_id")[0]! };
  }

  test("register, log in, look at oneself", async () => {
    const ada = await register();
    const entered = await classicApi.post("/user/login/", { username: ada.username, password: ada.password });
    const { token } = ok(entered);
    expect(digits(entered, "user_id")).toEqual([ada.id]);
    const answer = await classicApi.get("/user/", { user_id: ada.id, token: token! });
    const { user } = ok(answer);
    expect(digits(answer, "id")).toEqual([ada.id]);
    expect(user).toEqual({
      id: Number(ada.id),
      name: ada.username,
      follow_count: 0,
      follower_count: 0,
      is_follow: false,
      avatar: expect.stringMatching(/^http:/),
      background_image: expect.stringMatching(/^http:/),
      signature: "",
      total_favorited: 0,
      work_count: 0,
      favorite_count: 0,
    });
    for (const url of [user!.avatar, user!.background_image])
      expect((await send("GET", url)).status).toBe(200);
  });

  test("ids are numbers with all their digits", async () => {
    const answer = await classicApi.post("/user/register/", { username: newName(), password: "pa55word" });
    const [id] = digits(answer, "user_id");
    expect(BigInt(id!)).toBeGreaterThan(BigInt(Number.MAX_SAFE_INTEGER));
    const token = answer.body.token!;
    const me = body(await send<Schemas["User"]>("GET", `${server.origin}/api/v1/me`, { token }));
    expect(me.id).toBe(id);
    expect(digits(await classicApi.get("/user/", { token, user_id: id! }), "id")).toEqual([id]);
  });

  test.each([
    ["query", "/user/login/"],
    ["query", "/user/login"],
    ["form", "/user/login/"],
    ["form", "/user/login"],
    ["both", "/user/login/"],
  ])("parameters come as %s, to %s", async (where, path) => {
    const { username, password } = await register();
    const fields = { username, password };
    if (where === "query") ok(await classicApi.post(path, fields));
    else if (where === "form") ok(await classicApi.post(path, {}, fields));
    else {
      ok(await classicApi.post(path, fields, fields));
      ok(await classicApi.post(path, { username }, { password }));
      const message = refused(
        await classicApi.post(path, fields, { ...fields, username: "somebody else" }),
        10001,
      );
      expect(message).toContain("username");
    }
  });

  test("a GET takes form fields as well", async () => {
    const { id, token } = await register();
    // fetch sends no body with GET; curl and old clients do.
    const { request } = await import("node:http");
    const form = new URLSearchParams({ user_id: id, token }).toString();
    const text = await new Promise<string>((resolve, reject) => {
      const asked = request(`${server.origin}/douyin/user/`, {
        method: "GET",
        headers: { "content-type": "application/x-www-form-urlencoded", "content-length": form.length },
      });
      asked.on("response", async (answer) => resolve((await answer.toArray()).join("")));
      asked.on("error", reject).end(form);
    });
    expect(text).toContain(`"id":${id}`);
  });

  test("the caller is meant when no user is named", async () => {
    const { id, token } = await register();
    expect(digits(await classicApi.get("/user/", { token }), "id")).toEqual([id]);
    for (const user_id of ["", "0"])
      expect(digits(await classicApi.get("/user/", { token, user_id }), "id")).toEqual([id]);
  });

  test("what is missing or malformed is named", async () => {
    const { token } = await register();
    expect(refused(await classicApi.post("/user/register/", { username: "x" }), 10001)).toContain("password");
    expect(refused(await classicApi.post("/user/register/", { password: "pa55word" }), 10001)).toContain(
      "username",
    );
    expect(refused(await classicApi.post("/user/login/"), 10001)).toContain("username");
    for (const id of ["x", "-1", "1.5", "9223372036854775808", "99999999999999999999", "1e3", " 1", "１"])
      expect(refused(await classicApi.get("/user/", { token, user_id: id }), 10001)).toContain("user_id");
    expect(
      refused(
        await classicApi.get("/user/", [
          ["token", token],
          ["user_id", "1"],
          ["user_id", "2"],
        ]),
        10001,
      ),
    ).toContain("user_id");
    refused(await classicApi.get("/user/", { token, user_id: "9223372036854775807" }), 10109);
  });

  test("unknown parameters and other languages are no matter", async () => {
    const username = `豆芽 ${newName()}`;
    await register(username);
    ok(await classicApi.post("/user/login/", { username, password: "pa55word", extra: "1", "a[b]": "c" }));
  });

  test("a taken name is refused, in every spelling of it", async () => {
    const { username } = await register();
    for (const name of [username, username.toUpperCase(), ` ${username} `])
      refused(await classicApi.post("/user/register/", { username: name, password: "pa55word" }), 10102);
  });

  test("names and passwords outside the limits are refused", async () => {
    const attempt = (username: string, password: string) =>
      classicApi.post("/user/register/", { username, password });
    refused(await attempt("", "pa55word"), 10101);
    refused(await attempt("x".repeat(33), "pa55word"), 10101);
    refused(await attempt("x\u0000y", "pa55word"), 10101);
    refused(await attempt(newName(), "1234"), 10103);
    refused(await attempt(newName(), "x".repeat(33)), 10103);
    await register(`${newName()}-`.padEnd(32, "x"), "x".repeat(32));
    await register(newName(), "12345");
  });

  test("a wrong name and a wrong password give the same message", async () => {
    const { username } = await register();
    const wrong = await classicApi.post("/user/login/", { username, password: "wrong password" });
    const unknown = await classicApi.post("/user/login/", {
      username: newName(),
      password: "wrong password",
    });
    refused(wrong, 10104);
    expect(unknown.text).toBe(wrong.text);
  });

  test("without a valid token, nobody reads users", async () => {
    const { id } = await register();
    refused(await classicApi.get("/user/", { user_id: id }), 10105);
    refused(await classicApi.get("/user/", { user_id: id, token: "" }), 10105);
    refused(await classicApi.get("/user/", { user_id: id, token: "abc" }), 10106);
  });

  test("a token lasts for a month, and dies with its session", async () => {
    const { token } = await register();
    const { exp } = JSON.parse(Buffer.from(token.split(".")[1]!, "base64url").toString());
    expect(exp - Date.now() / 1000).toBeGreaterThan(29 * 24 * 3600);
    ok(await classicApi.get("/user/", { token }));
    const ended = await send("DELETE", `${server.origin}/api/v1/sessions/current`, { token });
    expect(ended.status).toBe(204);
    refused(await classicApi.get("/user/", { token }), 10108);
  });

  test("an unknown path is refused in the same form", async () => {
    const answer = await classicApi.get("/nothing/here/");
    expect(answer.status).toBe(404);
    expect(answer.body).toEqual({ status_code: 10400, status_msg: expect.stringMatching(/\.$/) });
  });
});

import { generateKeyPairSync, sign } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { classicClient, refused } from "./harness/classic-client.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Problem, type Schemas, send } from "./harness/http-client.ts";
import { moderatorAt } from "./harness/moderator.ts";
import { rawRequest, zerosAfter } from "./harness/raw-request.ts";
import { type Person, scenario } from "./harness/scenario.ts";

type Listing = { paths: Record<string, { get?: { parameters?: { name: string }[] } }> };

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const decode = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
const pathological = [
  "",
  "0",
  "-1",
  "1.5",
  "x",
  "1e3",
  "01",
  "9223372036854775808",
  "99999999999999999999",
  "１",
];

describe.each(shapes)("bad requests, %s", (shape) => {
  const server = scenario(shape);
  const classicApi = classicClient(() => server.origin);
  let ada: Person;
  beforeAll(async () => {
    ada = await server.register();
  });

  describe("titles, names, signatures", () => {
    let uploadId: string;
    beforeAll(async () => {
      uploadId = body(await ada.upload(freshClip()), 201).id;
    });

    test.each([
      ["10,000 characters", "x".repeat(10_000), "INVALID_ARGUMENT"],
      ["201 characters", "豆".repeat(201), "TITLE_INVALID"],
      ["a line break", "one\ntwo", "TITLE_INVALID"],
      ["a zero byte", "one\0two", "TITLE_INVALID"],
      ["an escape sequence", "\u001b[31mred", "TITLE_INVALID"],
      ["half a character", "\ud83d", "INVALID_ARGUMENT"],
    ])("a title of %s", async (_name, title, reason) => {
      expectProblem(await ada.post("/videos", { json: { uploadId, title } }), 422, reason);
    });

    test.each([
      ["10,000 characters", "x".repeat(10_000), "INVALID_ARGUMENT"],
      ["nothing", "", "NAME_INVALID"],
      ["spaces alone", " \u3000 ", "NAME_INVALID"],
      ["33 characters", "x".repeat(33), "NAME_INVALID"],
      ["a form that grows", "\ufdfa".repeat(33), "NAME_INVALID"],
      ["an invisible character", "ad\u200ba", "NAME_INVALID"],
      ["a change of direction", "ad\u202ea", "NAME_INVALID"],
    ])("a user name of %s", async (_name, username, reason) => {
      expectProblem(
        await server.api("POST", "/users", { json: { username, password: "correct horse" } }),
        422,
        reason,
      );
    });

    test("a name that another has in another case, width or Unicode form is taken", async () => {
      const register = (username: string) =>
        server.api("POST", "/users", { json: { username, password: "correct horse" } });
      for (const [first, ...others] of [
        [`Straße ${process.pid}`, `STRASSE ${process.pid}`, `straße ${process.pid}`],
        [`Zoë ${process.pid}`, `Zoe\u0308 ${process.pid}`, `ZOË ${process.pid}`],
        [`Ｗide ${process.pid}`, `wide ${process.pid}`],
      ] as [string, ...string[]][]) {
        body(await register(first), 201);
        for (const other of others) expectProblem(await register(other), 409, "NAME_TAKEN");
      }
    });

    test("of many who want one name at once, one gets it", async () => {
      const json = { username: `wanted ${process.pid}`, password: "correct horse" };
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => server.api<Problem>("POST", "/users", { json })),
      );
      // A busy machine may refuse some for now.
      const heard = answers.filter((answer) => answer.body.reason !== "BUSY");
      expect(heard.filter((answer) => answer.status === 201)).toHaveLength(1);
      expect(heard.filter((answer) => answer.body.reason === "NAME_TAKEN")).toHaveLength(heard.length - 1);
    });

    test("a refused profile changes nothing, not even the half of it that is good", async () => {
      const json = { name: "good", signature: "x".repeat(201) };
      expectProblem(await ada.patch("/me", { json }), 422, "SIGNATURE_INVALID");
      expect(body(await ada.get<Schemas["User"]>("/me")).name).toBe(ada.username);
    });
  });

  test("an aborted request is not logged as a bug", async () => {
    const path = `/douyin/feed/?latest_time=0`;
    const type = { "content-type": "application/x-www-form-urlencoded" };
    for (const method of ["GET", "POST"]) {
      const headers = { ...type, "content-length": "1000" };
      const pieces = [Buffer.from("token=half")];
      await rawRequest(server.origin, { method, path, headers, pieces, hangsUp: true }).catch(() => {});
    }
    expect((await send("GET", `${server.origin}/livez`)).status).toBe(200);
  });

  describe("ids", () => {
    test.each(pathological.filter(Boolean))("%s is the id of nothing", async (id) => {
      const path = encodeURIComponent(id);
      for (const answer of [
        await server.api("GET", `/users/${path}`),
        await server.api("GET", `/videos/${path}`),
        await ada.delete(`/videos/${path}`),
        await ada.delete(`/sessions/${path}`),
        await ada.post("/videos", { json: { uploadId: id, title: "" } }),
      ]) {
        expect([404, 422], answer.text).toContain(answer.status);
        expectProblem(answer, answer.status, (answer.body as Problem).reason);
      }
    });

    test("the largest id is one, of nobody", async () => {
      expectProblem(await server.api("GET", "/users/9223372036854775807"), 404, "USER_NOT_FOUND");
      expectProblem(await server.api("GET", "/videos/9223372036854775807"), 404, "VIDEO_NOT_FOUND");
    });

    test("a cursor that is none is refused in every list", async () => {
      const author = await moderatorAt(server);
      const video = await author.publish(freshClip(), "Listed");
      await author.settled(video.id);
      const comments = `/videos/${video.id}/comments`;
      const comment = body(await author.post<{ id: string }>(comments, { json: { text: "first" } }), 201);
      const message = body(
        await author.post<{ id: string }>(`/conversations/${ada.id}/messages`, {
          json: { content: "hello" },
        }),
        201,
      );
      const group = body(
        await author.post<{ group: { id: string } }>("/groups", { json: { name: "Us", userIds: [] } }),
        201,
      ).group;
      const { paths } = body(await server.api<Listing>("GET", "/openapi.json"));
      const lists = Object.entries(paths)
        .filter(([, { get }]) => get?.parameters?.some(({ name }) => name === "cursor"))
        .map(([path]) => path.replace("/api/v1", ""));
      expect(lists.length).toBeGreaterThan(20);
      const ids: Record<string, (path: string) => string> = {
        "{id}": (path) =>
          path.startsWith("/users") ? author.id : path.startsWith("/groups") ? group.id : video.id,
        "{userId}": () => ada.id,
        "{messageId}": () => message.id,
        "{commentId}": () => comment.id,
      };
      const taken: string[] = [];
      for (const path of lists) {
        const filled = path.replace(/\{\w+\}/g, (name) => ids[name]!(path));
        const query = path === "/me/messages" ? "q=hello&" : "";
        body(await author.get(`${filled}?${query}limit=2`));
        for (const cursor of ["x", "-1", "1.5", "\uff11", "99999999999999999999", "1-x", "-", "\0"]) {
          const answer = await author.get<Problem>(`${filled}?${query}cursor=${encodeURIComponent(cursor)}`);
          if (answer.body.reason !== "CURSOR_INVALID")
            taken.push(`${path} ${cursor}: ${answer.status} ${answer.body.reason}`);
        }
      }
      expect(taken).toEqual([]);
    });
  });

  describe("bodies", () => {
    const post = (bytes: string, contentType = "application/json") =>
      server.api("POST", "/sessions", { bytes, headers: { "content-type": contentType } });

    test.each([
      ["nothing", ""],
      ["no JSON", "{"],
      ["a number", "1"],
      ["null", "null"],
      ["a list", "[]"],
      ["no fields", "{}"],
      ["a field too few", '{"username":"x"}'],
      ["an object for a text", '{"username":{"$ne":""},"password":"12345"}'],
      ["a list for a text", '{"username":["a","b"],"password":"12345"}'],
      ["a prototype", '{"__proto__":{"username":"x"},"username":"x","password":"12345"}'],
      ["a number for a text", '{"username":5,"password":"12345"}'],
      ["a truth for a text", '{"username":"x","password":true}'],
      ["nothing for a text", '{"username":"x","password":null}'],
      ["a list of one text for a text", '{"username":["x"],"password":"12345"}'],
      ["a depth of thousands", "[".repeat(20_000)],
    ])("%s", async (_name, bytes) => {
      const answer = await post(bytes);
      expect(["INVALID_ARGUMENT", "MALFORMED_REQUEST"], answer.text).toContain(
        (answer.body as Problem).reason,
      );
      expectProblem(answer, 422, (answer.body as Problem).reason);
    });

    test("an unknown field is named", async () => {
      const { detail } = expectProblem(
        await post('{"username":"x","password":"12345","admin":true}'),
        422,
        "INVALID_ARGUMENT",
      );
      expect(detail).toContain("admin");
    });

    test("a missing parameter is named", async () => {
      expect(expectProblem(await post('{"username":"x"}'), 422, "INVALID_ARGUMENT").detail).toContain(
        "password",
      );
    });

    test.each([
      "application/xml",
      "x",
      "application/x-www-form-urlencoded",
    ])("the type %s is none that is taken", async (type) => {
      expectProblem(await post("username=x&password=12345", type), 422, "UNSUPPORTED_MEDIA_TYPE");
    });

    test("a body too large is refused, also while it is being sent", async () => {
      const sizeBytes = 50 * 1024 * 1024;
      for (const path of ["/api/v1/sessions", "/douyin/user/login/"]) {
        const type = path.startsWith("/api") ? "application/json" : "application/x-www-form-urlencoded";
        const answer = await rawRequest(server.origin, {
          path,
          headers: { "content-type": type, "content-length": String(sizeBytes) },
          pieces: zerosAfter(Buffer.from('{"username":"'), sizeBytes),
        });
        expect(answer.status).toBe(413);
        expect(answer.text).toMatch(/BODY_TOO_LARGE|10210/);
      }
    });

    test("endless heads and invalid requests end the connection with a 4xx", async () => {
      const long = { path: `/api/v1/feed?cursor=${"x".repeat(100_000)}`, method: "GET" };
      expect((await rawRequest(server.origin, long)).status).toBe(431);
      const many = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`x-${i}`, "y".repeat(10)]));
      expect((await rawRequest(server.origin, { path: "/livez", method: "GET", headers: many })).status).toBe(
        431,
      );
      expect((await rawRequest(server.origin, { path: "/livez", method: "G\x01T" })).status).toBe(400);
      expect((await rawRequest(server.origin, { path: "/livez", method: "BREW" })).status).toBe(400);
    });

    test("the classic API names its parameters in the same cases", async () => {
      const long = "x".repeat(5000);
      // The database would not accept it.
      expect(
        refused(await classicApi.post("/user/login/", {}, { username: long, password: "p" }), 10001),
      ).toContain("username");
      refused(await classicApi.post("/user/login/", { username: "a\0b", password: "12345" }), 10104);
      const json = { username: ["a"], password: {} };
      refused(await classicApi.send("POST", "/user/login/", {}, { json }), 10001);
    });

    test("of a form with files only publishing reads anything, wherever else it is sent", async () => {
      const form = () => {
        const data = new FormData();
        data.set("action_type", "1");
        return { body: data };
      };
      const url = (path: string) => new URL(`/douyin${path}`, server.origin);
      const post = (path: string) => fetch(url(path), { method: "POST", ...form() });
      expect(await (await post("/relation/action/?to_user_id=1")).json()).toMatchObject({
        status_code: 10105,
      });
      expect((await post("/nothing/")).status).toBe(404);
    });
  });

  describe("tokens", () => {
    let token: string;
    let parts: [string, string, string];
    beforeAll(() => {
      token = ada.session.accessToken;
      parts = token.split(".") as typeof parts;
    });
    const stranger = generateKeyPairSync("ed25519");
    const signed = (header: object, payload: object) => {
      const text = `${encode(header)}.${encode(payload)}`;
      return `${text}.${sign(null, Buffer.from(text), stranger.privateKey).toString("base64url")}`;
    };

    const forgeries: [string, () => string][] = [
      ["no token", () => "x"],
      ["a tampered payload", () => `${parts[0]}.${encode({ ...decode(parts[1]), sub: "1" })}.${parts[2]}`],
      ["a tampered signature", () => `${parts[0]}.${parts[1]}.${[...parts[2]].reverse().join("")}`],
      ["no signature", () => `${parts[0]}.${parts[1]}.`],
      ["no algorithm", () => `${encode({ alg: "none" })}.${parts[1]}.`],
      ["no algorithm, a known key", () => `${encode({ ...decode(parts[0]), alg: "none" })}.${parts[1]}.`],
      ["another algorithm", () => `${encode({ ...decode(parts[0]), alg: "HS256" })}.${parts[1]}.${parts[2]}`],
      ["another's key", () => signed(decode(parts[0]), decode(parts[1]))],
      ["an unknown key", () => signed({ alg: "EdDSA", kid: "unknown" }, decode(parts[1]))],
      [
        "a key of its own",
        () => {
          const jwk = stranger.publicKey.export({ format: "jwk" });
          return signed({ alg: "EdDSA", jwk }, decode(parts[1]));
        },
      ],
      ["a token of another service", () => signed(decode(parts[0]), { ...decode(parts[1]), iss: "video" })],
      ["a refresh token", () => ada.session.refreshToken],
      ["a token ten times as long", () => token.repeat(10)],
      ["parts without end", () => ".".repeat(5000)],
    ];

    test.each(forgeries)("%s is refused, everywhere", async (_name, make) => {
      const forged = make();
      expectProblem(await server.api("GET", "/me", { token: forged }), 401, "TOKEN_INVALID");
      // Also where guests are allowed.
      expectProblem(await server.api("GET", "/feed", { token: forged }), 401, "TOKEN_INVALID");
      if (forged.length < 4000) refused(await classicApi.get("/feed/", { token: forged }), 10106);
      expect((await server.api("GET", "/me", { token })).status).toBe(200);
    });

    test("an unknown name for the token is no token", async () => {
      const headers = { authorization: `Basic ${token}` };
      expectProblem(await server.api("GET", "/me", { headers }), 401, "LOGIN_REQUIRED");
    });
  });

  test.each([
    "/media/../../etc/passwd",
    "/media/%2e%2e/%2e%2e/etc/passwd",
    "/media/..%2f..%2f..%2fetc%2fpasswd",
    "/media/video/..%2f..%2fcluster-secret",
    "/media/video/%2e%2e%2f%2e%2e%2fcluster-secret",
    "/media/video/....//....//cluster-secret",
    "/media/video/..\\..\\cluster-secret",
    "/media/staging/x.mp4",
    "/media/video/%00.mp4",
    `/media/video/${"0".repeat(64)}.mp4%00.jpg`,
    `/media/VIDEO/${"0".repeat(64)}.mp4`,
    `/media/video/${"0".repeat(64)}.bin`,
    `/media/video/${"0".repeat(64)}.mp4`,
    `/media/video/${"0".repeat(5000)}.mp4`,
    "/media/default/avatar/..%2f..%2fx.png",
    "/media/default/constructor/1.png",
    "/media/default/avatar/99999999999999999999.png",
    "/media/%ff/x.mp4",
    "/media/%/x",
    "/..%2f..%2fpackage.json",
    "/assets/..%2f..%2f..%2fpackage.json",
    "/%2e%2e/%2e%2e/package.json",
    "//etc/passwd",
  ])("nothing is found at %s", async (path) => {
    const answer = await rawRequest(server.origin, { method: "GET", path });
    expect([400, 404, 414, 422], answer.text).toContain(answer.status);
    expect(answer.text).not.toMatch(/root:|"name": "douya"/);
  });

  test("a source that is not playable is not served, whatever it is asked for as", async () => {
    const video = await ada.settled((await ada.publish(freshClip())).id);
    const url = new URL(video.playUrl!);
    for (const ending of ["bin", "jpg", "webm", ""])
      expect((await send("GET", url.href.replace(/\.?mp4$/, ending && `.${ending}`))).status).toBe(404);
    expect((await send("GET", url.href.replace("/video/", "/cover/"))).status).toBe(404);
    expect((await send("GET", url.href.replace("/video/", "/staging/"))).status).toBe(404);
  });
});

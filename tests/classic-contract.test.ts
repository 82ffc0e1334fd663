import { beforeAll, describe, expect, test } from "vitest";
import { type Classic, classicClient, type Fields, ok, refused } from "./harness/classic-client.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { type Answer, type Schemas, send } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";

interface Endpoint {
  method: "GET" | "POST";
  path: string;
  /** Parameters of a successful call; new ones for each call. */
  good: () => Promise<Record<string, string>> | Record<string, string>;
  token: "required" | "optional" | "none";
  /** Which of `good` may be omitted. */
  optional?: string[];
  /** What the answer contains besides its status. */
  fields: (keyof Classic)[];
}

/** Every endpoint but the upload, whose multipart form has tests of its own. */
describe.each(shapes)("each endpoint of the classic API, %s", (shape) => {
  const server = scenario(shape);
  const classicApi = classicClient(() => server.origin);
  let ada: Person;
  let ben: Person;
  let video: Schemas["Video"];

  const token = () => ada.session.accessToken;
  const mine = () => ({ token: token(), user_id: ada.id });

  beforeAll(async () => {
    [ada, ben] = [await server.register(), await server.register()];
    video = await ben.settled((await ben.publish(freshClip())).id);
    await Promise.all([
      ada.put(`/users/${ben.id}/follow`),
      ben.put(`/users/${ada.id}/follow`),
      ada.put(`/videos/${video.id}/like`),
    ]);
    await ada.post<Schemas["Comment"]>(`/videos/${video.id}/comments`, { json: { text: "hello" } });
    await ben.post<Schemas["Message"]>(`/conversations/${ada.id}/messages`, {
      json: { content: "hello" },
    });
  });

  const endpoints: Endpoint[] = [
    {
      method: "GET",
      path: "/feed",
      good: () => ({ token: token(), latest_time: "0" }),
      token: "optional",
      optional: ["latest_time"],
      fields: ["video_list", "next_time"],
    },
    {
      method: "POST",
      path: "/user/register",
      good: () => ({ username: `classic-${Math.random()}`, password: "12345" }),
      token: "none",
      fields: ["user_id", "token"],
    },
    {
      method: "POST",
      path: "/user/login",
      good: () => ({ username: ada.username, password: ada.password }),
      token: "none",
      fields: ["user_id", "token"],
    },
    {
      method: "GET",
      path: "/user",
      good: mine,
      token: "required",
      optional: ["user_id"],
      fields: ["user"],
    },
    {
      method: "GET",
      path: "/publish/list",
      good: () => ({ token: token(), user_id: ben.id }),
      token: "optional",
      fields: ["video_list"],
    },
    {
      method: "POST",
      path: "/favorite/action",
      // Liking a liked video is refused.
      async good() {
        await ada.delete(`/videos/${video.id}/like`);
        return { token: token(), video_id: video.id, action_type: "1" };
      },
      token: "required",
      fields: [],
    },
    {
      method: "GET",
      path: "/favorite/list",
      async good() {
        await ada.put(`/videos/${video.id}/like`);
        return mine();
      },
      token: "optional",
      fields: ["video_list"],
    },
    {
      method: "POST",
      path: "/comment/action",
      good: () => ({ token: token(), video_id: video.id, action_type: "1", comment_text: "again" }),
      token: "required",
      fields: ["comment"],
    },
    {
      method: "GET",
      path: "/comment/list",
      good: () => ({ token: token(), video_id: video.id }),
      token: "optional",
      fields: ["comment_list"],
    },
    {
      method: "POST",
      path: "/relation/action",
      good: async () => ({ token: token(), to_user_id: (await server.register()).id, action_type: "1" }),
      token: "required",
      fields: [],
    },
    ...["follow", "follower", "friend"].map(
      (list): Endpoint => ({
        method: "GET",
        path: `/relation/${list}/list`,
        good: mine,
        token: "required",
        fields: ["user_list"],
      }),
    ),
    {
      method: "POST",
      path: "/message/action",
      good: () => ({ token: token(), to_user_id: ben.id, action_type: "1", content: "again" }),
      token: "required",
      fields: [],
    },
    {
      method: "GET",
      path: "/message/chat",
      good: () => ({ token: token(), to_user_id: ben.id, pre_msg_time: "0" }),
      token: "required",
      optional: ["pre_msg_time"],
      fields: ["message_list"],
    },
  ];

  describe.each(endpoints)("$method $path", ({ method, path, good, token: need, optional = [], fields }) => {
    const ask = (query: Fields) => classicApi.send(method, path, query);

    test("with and without its slash, as query, as form, with unknown parameters", async () => {
      const form = async () => {
        const bytes = new URLSearchParams(await good());
        if (method === "POST") return send<Classic>("POST", `${server.origin}/douyin${path}/`, { bytes });
        // `fetch` cannot send a form in the body of a GET.
        return ask(await good());
      };
      const answers = [
        await ask(await good()),
        await classicApi.send(method, `${path}/`, await good()),
        await form(),
        await ask({ ...(await good()), nobody_knows: "it" }),
        await ask([
          ...Object.entries(await good()),
          ["nobody", "one"],
          ["nobody", "two"],
          ["x", "x".repeat(5000)],
        ]),
      ];
      for (const answer of answers) {
        const expected = ["status_code", "status_msg", ...fields].sort();
        expect(Object.keys(ok(answer)).sort()).toEqual(expected);
      }
    });

    test("ids are numbers with all their digits", async () => {
      const answer = await ask(await good());
      ok(answer);
      for (const id of idsIn(answer)) expect(BigInt(id)).toBeGreaterThan(2n ** 53n);
      const known = [ada.id, ben.id, video.id];
      if (method === "GET") expect(idsIn(answer).filter((id) => known.includes(id))).not.toEqual([]);
      expect(answer.text).not.toMatch(/_?id":\s*"/);
    });

    test("a missing parameter is named", async () => {
      const parameters = Object.entries(await good()).filter(
        ([name]) => name !== "token" && !optional.includes(name),
      );
      for (const [name] of parameters) {
        const { [name]: _left, ...rest } = await good();
        expect(refused(await ask(rest), 10001)).toContain(name);
      }
    });

    test("a malformed parameter is named", async () => {
      for (const name of Object.keys(await good())) {
        const bad =
          name.endsWith("_id") || name === "user_id"
            ? ["x", "-1", "1.5", "0x10", "1e3", "9223372036854775808", "１２", "1 or 1=1"]
            : name === "action_type"
              ? ["0", "9", "-1", "1.0", "like", ""]
              : name.endsWith("_time")
                ? ["yesterday", "-1", "1.5"]
                : [];
        for (const value of bad)
          expect(refused(await ask({ ...(await good()), [name]: value }), 10001), value).toContain(name);
      }
    });

    test("a repeated parameter must have the same value", async () => {
      const all = Object.entries(await good());
      const [name, value] = all.at(-1)!;
      ok(await ask([...Object.entries(await good()).filter(([other]) => other !== name), [name, value]]));
      expect(refused(await ask([...all, [name, `${value}0`]]), 10001)).toContain(name);
    });

    if (need === "none") return;
    test("an invalid token is an error; a missing one is, if it is needed", async () => {
      const { token: _token, ...rest } = await good();
      refused(await ask({ ...rest, token: "x" }), 10106);
      if (need === "required") refused(await ask(rest), 10105);
      else ok(await ask(rest));
    });
  });
});

/** The digits of every id in an answer, which a JavaScript number would round. */
function idsIn({ text }: Answer<Classic>): string[] {
  return [...text.matchAll(/"(?:user_id|id|to_user_id|from_user_id)":(\d+)/g)].map((match) => match[1]!);
}

import pg from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { classicClient, refused } from "./harness/classic-client.ts";
import { freshClip } from "./harness/clips.ts";
import { type Shape, shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, type Scenario, scenario } from "./harness/scenario.ts";
import { watch } from "./harness/watch.ts";
import { nowAndThenMs, until } from "./harness/within.ts";

type User = Schemas["User"];
type Video = Schemas["Video"];
type Comment = Schemas["Comment"];

/** What may remain of a person: a row in each module that must refuse late additions. */
const tombstones = [
  "feed.reader.user_id",
  "interaction.person.user_id",
  "message.person.user_id",
  "moderation.reporter.user_id",
  "playback.person.user_id",
  "relation.stats.user_id",
  "user.account.id",
  "video.author_stats.author_id",
];

/** The database behind a scenario, for inspection. */
function databaseOf(server: Scenario) {
  async function query<Row = Record<string, string>>(sql: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: server.deployment.databaseUrl });
    await client.connect();
    try {
      return (await client.query(sql, values)).rows as Row[];
    } finally {
      await client.end();
    }
  }
  return {
    query,
    /**
     * Every id column of every module that contains an id; what moderators did stays, the two logs forget by age, and so does what players told, where
     * there is no name but that of the author of what was watched.
     */
    async placesOf(id: string): Promise<string[]> {
      const columns = await query<{ schema: string; table: string; column: string }>(
        `select table_schema as schema, table_name as table, column_name as column
         from information_schema.columns join information_schema.tables using (table_schema, table_name)
         where data_type = 'bigint' and table_type = 'BASE TABLE'
           and table_schema not in ('events', 'security', 'pg_catalog', 'information_schema')
           and not (table_schema = 'moderation' and table_name = 'act')
           and not (table_schema = 'playback' and table_name ~ '^raw(_|$)' and column_name = 'author_id')`,
      );
      const looks = columns.map(
        ({ schema, table, column }) =>
          `select '${schema}.${table}.${column}' as place where exists (select from "${schema}"."${table}" where "${column}" = $1)`,
      );
      const found = await query<{ place: string }>(looks.join(" union all "), [id]);
      return found.map(({ place }) => place).sort();
    },
    async isErased(id: string): Promise<boolean> {
      const [account] = await query(`select state from "user".account where id = $1`, [id]);
      return account!.state === "erased";
    },
  };
}

async function expectExact(server: Scenario): Promise<void> {
  const { dataDir, databaseUrl } = server.deployment;
  const env = { DOUYA_DATA: dataDir, DOUYA_DATABASE_URL: databaseUrl };
  const doctor = startProgram(["doctor", "--recount"], env);
  expect((await doctor.ended).code, doctor.output()).toBe(0);
}

const say = async (person: Person, videoId: string, text: string, replyTo?: string) => {
  const path = `/videos/${videoId}/comments${replyTo ? `/${replyTo}/replies` : ""}`;
  return body(await person.post<Comment>(path, { json: { text } }), 201);
};
const write = (from: Person, to: { id: string }, content = "hi") =>
  from.post(`/conversations/${to.id}/messages`, { json: { content } });
const close = (person: Person, password = person.password) => person.delete("/me", { json: { password } });

/** A person with a share in everything, and two others connected to them. */
async function entangled(server: Scenario) {
  const [eve, ben, ada] = await Promise.all([server.register(), server.register(), server.register()]);
  const [eves, second, bens] = await Promise.all(
    [eve, eve, ben].map(async (person) => person.settled((await person.publish(freshClip())).id)),
  );
  for (const [one, other] of [
    [eve, ben],
    [ben, eve],
    [ada, eve],
    [ada, ben],
  ] as const)
    expect((await one.put(`/users/${other.id}/follow`)).status).toBe(204);
  await eve.put(`/users/${(await server.register()).id}/block`);
  for (const person of [eve, ben, ada]) {
    await person.get("/feed/following");
    for (const video of [eves!, second!, bens!]) {
      for (const what of ["like", "bookmark", "repost"]) await person.put(`/videos/${video.id}/${what}`);
      await person.post(`/videos/${video.id}/shares`);
      await watch(server, video.id, person, { watchedMs: 10, positionMs: 10 });
    }
  }
  await eve.put(`/videos/${bens!.id}/dislike`);
  await eve.upload(freshClip());
  body(await eve.post("/me/export"), 202);
  // A thread of hers with a reply of Ben's; one of Ben's in which she replies and is answered.
  const hers = await say(eve, bens!.id, "mine");
  await say(ben, bens!.id, "in hers", hers.id);
  const his = await say(ben, bens!.id, "his");
  const reply = await say(eve, bens!.id, "hers in his", his.id);
  const answer = await say(ada, bens!.id, "to her", reply.id);
  expect(answer.replyTo?.id).toBe(eve.id);
  await say(ada, eves!.id, "on hers");
  for (const [who, { id }] of [
    [eve, his],
    [eve, answer],
    [ada, hers],
  ] as const)
    body(await who.post(`/videos/${bens!.id}/comments/${id}/report`, { json: { reason: "other" } }), 204);
  for (let i = 0; i < 3; i++) for (const to of [ben, ada]) await write(eve, to, `hello ${i}`);
  await write(ben, eve);
  await write(ben, ada);
  // A group of hers, with Ben, to which Ada is invited.
  const json = { name: "Hers", userIds: [ben.id, ada.id], idempotencyKey: "hers" };
  const { group } = body(await eve.post<{ group: Schemas["Group"] }>("/groups", { json }), 201);
  await write(eve, group);
  await write(ben, group);
  return { eve, ben, ada, bens: bens!, eves: eves!, his, answer, group };
}

type Entangled = Awaited<ReturnType<typeof entangled>>;

/** Everything of the others is as if she had never been there. */
async function expectWithout({ eve, ben, ada, bens, eves, his, answer, group }: Entangled) {
  const countsOf = async (person: Person) => body(await person.get<User>("/me")).counts;
  expect(await countsOf(ben)).toEqual({
    videos: 1,
    following: 0,
    followers: 1,
    likesReceived: 2,
    likesGiven: 1,
  });
  expect(await countsOf(ada)).toEqual({
    videos: 0,
    following: 1,
    followers: 0,
    likesReceived: 0,
    likesGiven: 1,
  });
  expect(body(await ada.get<Video>(`/videos/${bens.id}`)).counts).toEqual({
    likes: 2,
    comments: 2,
    bookmarks: 2,
    reposts: 1,
    shares: 2,
    downloads: 0,
    views: 0,
  });
  const comments = body(await ada.get<Page<Comment>>(`/videos/${bens.id}/comments`)).items;
  expect(comments.map(({ id, replies }) => [id, replies])).toEqual([[his.id, 1]]);
  const replies = body(await ada.get<Page<Comment>>(`/videos/${bens.id}/comments/${his.id}/replies`)).items;
  expect(replies).toMatchObject([{ id: answer.id, replyTo: null }]);
  expect(body(await ben.get<{ messages: number }>("/me/unread")).messages).toBe(0);
  expect(body(await ada.get<{ messages: number }>("/me/unread")).messages).toBe(1);
  const peersOf = async (person: Person) =>
    body(await person.get<Page<Schemas["Conversation"]>>("/conversations")).items.flatMap(
      ({ peer }) => peer?.id ?? [],
    );
  expect([await peersOf(ben), await peersOf(ada)]).toEqual([[ada.id], [ben.id]]);
  const owned = body(await ben.get<Schemas["Group"]>(`/groups/${group.id}`));
  expect(owned).toMatchObject({ role: "owner", members: 1 });
  expect(body(await ada.get<Page<unknown>>("/me/group-invitations")).items).toEqual([]);
  for (const list of ["followers", "following", "friends"])
    for (const person of [ben, ada]) {
      const { items } = body(await ada.get<Page<User>>(`/users/${person.id}/${list}`));
      expect(items.map(({ id }) => id)).not.toContain(eve.id);
    }
  const feed = body(await ada.get<Page<Video>>("/feed/following")).items;
  expect(feed.map(({ id }) => id)).toEqual([bens.id]);
  const liked = body(await ada.get<Page<Video>>(`/users/${ada.id}/likes`)).items;
  expect(liked.map(({ id }) => id)).toEqual([bens.id]);
  expectProblem(await ada.get(`/users/${eve.id}`), 404, "USER_NOT_FOUND");
  expectProblem(await ada.get(`/videos/${eves.id}`), 404, "VIDEO_NOT_FOUND");
  expectProblem(await write(ada, eve), 404, "USER_NOT_FOUND");
  expectProblem(await ada.put(`/users/${eve.id}/follow`), 404, "USER_NOT_FOUND");
}

async function expectNoTrace(server: Scenario, world: Entangled): Promise<void> {
  const { isErased, placesOf } = databaseOf(server);
  await until("the account is erased", () => isErased(world.eve.id));
  await until(
    "nothing is left of it",
    async () => {
      const places = await placesOf(world.eve.id);
      if (places.join() !== tombstones.join()) throw new Error(places.join(", "));
      return true;
    },
    nowAndThenMs,
  );
  await expectWithout(world);
  await expectExact(server);
}

describe.each(shapes)("deleting an account, %s", (shape: Shape) => {
  const server = scenario(shape);
  const classicApi = classicClient(() => server.origin);
  let mo: Person;
  beforeAll(async () => {
    mo = await server.register();
    await databaseOf(server).query(`update "user".account set role = 'moderator' where id = $1`, [mo.id]);
  });

  test("removes everything of it, and leaves everything of others exact", async () => {
    const world = await entangled(server);
    const { eve, ada } = world;
    expectProblem(await close(eve, "wrong password"), 403, "WRONG_PASSWORD");
    expectProblem(await server.api("DELETE", "/me", { json: { password: "x" } }), 401, "LOGIN_REQUIRED");
    const elsewhere = await server.logIn(eve.username, eve.password);
    expect(body(await close(eve), 202)).toEqual({ state: "closing" });

    expectProblem(await eve.get("/me"), 401, "SESSION_ENDED");
    expectProblem(await close(eve), 401, "SESSION_ENDED");
    await until("the other session ends", async () => (await elsewhere.get("/sessions")).status === 401);
    const refresh = { refreshToken: elsewhere.session.refreshToken };
    expectProblem(await server.api("POST", "/sessions/refresh", { json: refresh }), 401, "SESSION_ENDED");
    expectProblem(await ada.get(`/users/${eve.id}`), 404, "USER_NOT_FOUND");

    await expectNoTrace(server, world);
    const login = { username: eve.username, password: eve.password };
    expectProblem(await server.api("POST", "/sessions", { json: login }), 401, "BAD_CREDENTIALS");
    // The name is free, and whoever takes it is a different person.
    const again = body(await server.api<Schemas["Session"]>("POST", "/users", { json: login }), 201);
    expect(again.user.id).not.toBe(eve.id);
    expect(again.user.counts).toMatchObject({ videos: 0, followers: 0, likesGiven: 0 });
  });

  test("is refused while a moderator holds a video: all is as before, with the reason", async () => {
    const world = await entangled(server);
    const { eve, eves, ben } = world;
    expect((await mo.put(`/videos/${eves.id}/hold`)).status).toBe(204);
    const before = body(await ben.get<User>(`/users/${eve.id}`)).counts;
    expect(body(await eve.get<Schemas["Me"]>("/me")).closingRefused).toBeNull();
    body(await close(eve), 202);
    const back = await until("the account is open again", () => server.logIn(eve.username, eve.password));
    expect(body(await back.get<Schemas["Me"]>("/me"))).toMatchObject({
      closingRefused: "VIDEO_HELD",
      counts: before,
    });
    expect(body(await ben.get<User>(`/users/${eve.id}`)).counts).toEqual(before);
    expect(body(await ben.get<Video>(`/videos/${eves.id}`)).state).toBe("published");
    expect((await back.settled((await back.publish(freshClip())).id)).state).toBe("published");
    await expectExact(server);

    // After the hold the deletion succeeds.
    expect((await mo.delete(`/videos/${eves.id}/hold`)).status).toBe(204);
    body(await close(back), 202);
    await expectNoTrace(server, world);
    expectProblem(await mo.put(`/videos/${eves.id}/hold`), 404, "VIDEO_NOT_FOUND");
  });

  test("leaves nothing even if they and others act at the same moment", async () => {
    const { eve, ben, ada, bens, eves } = await entangled(server);
    const upload = body(await eve.upload(freshClip()), 201);
    const hers = await say(eve, bens.id, "mine");
    const strangers = await Promise.all(Array.from({ length: 4 }, () => server.register()));
    let closed = false;
    /** Repeats something until well after the account is closed. */
    async function keep(act: (i: number) => Promise<{ status: number }>): Promise<void> {
      for (let i = 0, after = 0; after < 5; i++) {
        const { status } = await act(i);
        expect(status).not.toBe(500);
        if (closed) after++;
      }
    }
    const toggle = (person: Person, path: string) =>
      keep((i) => (i % 2 === 0 ? person.put(path) : person.delete(path)));
    const text = { json: { text: "hm" } };
    const acting = [
      ...[ben, ada, ...strangers].flatMap((one) => [
        toggle(one, `/users/${eve.id}/follow`),
        toggle(eve, `/users/${one.id}/follow`),
      ]),
      ...strangers.flatMap((one) => [
        toggle(one, `/users/${eve.id}/block`),
        keep(() => write(one, eve)),
        keep(() => write(eve, one)),
      ]),
      ...[bens, eves].flatMap(({ id }) => [
        toggle(eve, `/videos/${id}/like`),
        toggle(ada, `/videos/${id}/like`),
        toggle(eve, `/videos/${id}/dislike`),
        keep(() => eve.post(`/videos/${id}/comments`, text)),
        keep(() => ada.post(`/videos/${id}/comments`, text)),
      ]),
      keep(() => ada.post(`/videos/${bens.id}/comments/${hers.id}/replies`, text)),
      keep(() => eve.get("/feed/following")),
      keep(() => ada.get("/feed/following")),
      keep(() => eve.patch("/me", { json: { name: "Eve" } })),
      keep(() => eve.post("/videos", { json: { uploadId: upload.id, title: "late" } })),
    ];
    body(await close(eve), 202);
    closed = true;
    await Promise.all(acting);
    const { isErased, placesOf } = databaseOf(server);
    await until("the account is erased", () => isErased(eve.id));
    await until(
      "nothing is left of it",
      async () => {
        const places = await placesOf(eve.id);
        if (places.join() !== tombstones.join()) throw new Error(places.join(", "));
        return true;
      },
      nowAndThenMs,
    );
    await expectExact(server);
    // Nor does anything come back later.
    expect(await placesOf(eve.id)).toEqual(tombstones);
  });

  test("in the classic API, an account being deleted cannot log in, and a deleted one is unknown", async () => {
    const eve = await server.register();
    const video = await eve.settled((await eve.publish(freshClip())).id);
    const login = { username: eve.username, password: eve.password };
    // Held in progress, so that it is visible.
    if (shape === "split") await server.deployment.programOf("video").stop();
    body(await close(eve), 202);
    if (shape === "split") {
      refused(await classicApi.post("/user/login/", login), 10110);
      expectProblem(await server.api("POST", "/sessions", { json: login }), 403, "ACCOUNT_CLOSING");
      const wrong = { ...login, password: "something else" };
      expectProblem(await server.api("POST", "/sessions", { json: wrong }), 401, "BAD_CREDENTIALS");
      expectProblem(await server.api("POST", "/users", { json: login }), 409, "NAME_TAKEN");
      await server.deployment.restart("video");
    }
    await until("it is erased", () => databaseOf(server).isErased(eve.id));
    refused(await classicApi.post("/user/login/", login), 10104);
    expectProblem(await mo.get(`/videos/${video.id}`), 404, "VIDEO_NOT_FOUND");
  });
});

describe("deleting an account at one gateway", () => {
  const server = scenario("split");

  test("refuses a comment of an app whose author cannot be shown any more", async () => {
    const [eve, ben] = await Promise.all([server.register(), server.register()]);
    const { id } = await ben.settled((await ben.publish(freshClip())).id);
    expect((await eve.get("/me")).status).toBe(200);
    // As for a request before the sessions have ended.
    await databaseOf(server).query(`update "user".account set state = 'closing' where id = $1`, [eve.id]);
    const said = { token: eve.session.accessToken, video_id: id, action_type: "1", comment_text: "late" };
    refused(await classicClient(() => server.origin).post("/comment/action/", said), 10108);
  });

  test("shows nobody its lists from the first step on", async () => {
    const [eve, ben] = await Promise.all([server.register(), server.register()]);
    expect((await eve.put(`/users/${ben.id}/follow`)).status).toBe(204);
    expect((await ben.put(`/users/${eve.id}/follow`)).status).toBe(204);
    // Its first step alone: the others need its event.
    await databaseOf(server).query(`update "user".account set state = 'closing' where id = $1`, [eve.id]);
    for (const list of ["likes", "reposts", "following", "followers", "friends"]) {
      const path = `/users/${eve.id}/${list}`;
      for (const seen of [await ben.get(path), await server.api("GET", path)])
        expectProblem(seen, 404, "USER_NOT_FOUND");
    }
    const asked = { token: ben.session.accessToken, user_id: eve.id };
    for (const path of ["/favorite/list/", "/relation/follow/list/", "/relation/follower/list/"])
      refused(await classicClient(() => server.origin).get(path, asked), 10109);
  });

  test("leaves nothing of what comes in at another one, which has just seen the session alive", async () => {
    const { eve, ben, bens } = await entangled(server);
    const uploads = [body(await eve.upload(freshClip()), 201), body(await eve.upload(freshClip()), 201)];
    const elsewhere = await server.deployment.another("gateway");
    const there = (method: string, path: string, json?: unknown) =>
      send<Schemas["Problem"]>(method, `${elsewhere}/api/v1${path}`, {
        token: eve.session.accessToken,
        json,
      });
    const acts: [string, string, unknown?][] = [
      ["PUT", `/users/${ben.id}/follow`],
      ["PUT", `/users/${ben.id}/block`],
      ["PUT", `/videos/${bens.id}/like`],
      ["PUT", `/videos/${bens.id}/dislike`],
      ["POST", `/videos/${bens.id}/comments`, { text: "late" }],
      ["POST", `/conversations/${ben.id}/messages`, { content: "late" }],
      ["POST", "/videos", { uploadId: uploads[0]!.id, title: "late" }],
      ["GET", "/feed/following"],
      ["PATCH", "/me", { name: "late" }],
    ];
    expect((await there("GET", "/me")).status).toBe(200);
    body(await close(eve), 202);
    const { isErased, placesOf } = databaseOf(server);
    await until("the account is erased", () => isErased(eve.id));
    const isGone = async () => (await placesOf(eve.id)).join() === tombstones.join();
    await until("nothing is left of it", isGone, nowAndThenMs);
    // The other gateway hears of it within a second. What it still accepts, the modules that would store it do not.
    const refusals = await Promise.all(acts.map((act) => there(...act)));
    for (const [i, { status, body: problem }] of refusals.entries()) {
      const [method, path] = acts[i]!;
      const byGateway = path !== "/videos" || status === 401;
      const expected = byGateway ? [401, "SESSION_ENDED"] : [404, "UPLOAD_NOT_FOUND"];
      expect([method, path, status, problem.reason]).toEqual([method, path, ...expected]);
    }
    expect(await placesOf(eve.id)).toEqual(tombstones);
    await expectExact(server);
    await until("the session has ended there, too", async () => {
      const { status, body: problem } = await there("GET", "/sessions");
      return status === 401 && problem.reason === "SESSION_ENDED";
    });
  });
});

describe("deleting an account while everything is killed", () => {
  const server = scenario("split", { mayLogErrors: true });

  test("goes on from every step", async () => {
    const { query, isErased, placesOf } = databaseOf(server);
    const world = await entangled(server);
    const { eve } = world;
    const { programOf, restart } = server.deployment;
    const happened = async (type: string) =>
      (await query("select from events.log where type = $1", [type])).length > 0;

    // Only the user module runs when it begins; then that is stopped, too.
    for (const module of ["video", "relation"]) await programOf(module).kill();
    body(await close(eve), 202);
    await programOf("user").kill();
    expect(await happened("user.account_closing.v1")).toBe(true);

    // The videos are deleted, while the worker is killed again as soon as some are gone.
    await restart("video");
    await until(
      "videos go",
      async () =>
        (await query("select from video.author_stats where author_id = $1 and gone", [eve.id])).length > 0,
    );
    await programOf("video").kill();
    await restart("video");
    await until("the videos are gone", () => happened("video.account_removed.v1"));
    await programOf("video").kill();
    expect(await isErased(eve.id)).toBe(false);

    await restart("user");
    await until("the account is erased", () => isErased(eve.id));
    await programOf("user").kill();

    await restart("relation");
    await until("relation and interaction are at it", async () => {
      const places = await placesOf(eve.id);
      return (
        !places.includes("relation.follow.follower_id") || !places.includes("interaction.comment.author_id")
      );
    });
    await programOf("relation").kill();
    for (const module of ["relation", "video", "user"]) await restart(module);
    await expectNoTrace(server, world);
  });
});

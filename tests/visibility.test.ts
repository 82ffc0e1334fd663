import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Reach } from "#contracts/gen/video_pb.ts";
import { openDatabase } from "#platform/db/database.ts";
import { readAllLag } from "#platform/events/admin/all-lag.ts";
import { createLog } from "#platform/observe/log.ts";
import { classicClient, videosOf } from "./harness/classic-client.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { type Answer, body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { secretOf, videoModeration } from "./harness/moderate-videos.ts";
import { moderatorAt } from "./harness/moderator.ts";
import { startProgram } from "./harness/program.ts";
import { connectDevice } from "./harness/realtime-device.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { moderatorQuery } from "./harness/signed-query.ts";
import { watchEnough } from "./harness/watch.ts";
import { wholePage } from "./harness/whole-page.ts";
import { nowAndThenMs, until } from "./harness/within.ts";

type Video = Schemas["Video"];
type Visibility = Video["visibility"];

const visibilities: Visibility[] = ["public", "unlisted", "friends", "private"];
const viewers = ["guest", "stranger", "follower", "friend", "blocked", "author"] as const;
type Viewer = (typeof viewers)[number];

/** With the link. */
const maySee: Record<Visibility, readonly Viewer[]> = {
  public: viewers,
  unlisted: viewers,
  friends: ["friend", "author"],
  private: ["author"],
};
/** In a list of its author's videos, or of what somebody else likes. */
const mayFind: Record<Visibility, readonly Viewer[]> = { ...maySee, unlisted: ["author"] };
const inPublicFeed: Record<Visibility, readonly Viewer[]> = {
  // A block hides it from feeds.
  public: viewers.filter((viewer) => viewer !== "blocked"),
  unlisted: [],
  friends: [],
  private: [],
};
/** Two follow, and the blocked one cannot. */
const inFollowing: Record<Visibility, readonly Viewer[]> = {
  ...inPublicFeed,
  public: ["follower", "friend"],
  friends: ["friend"],
};
const inClassicFeed: Record<Visibility, readonly Viewer[]> = { ...inPublicFeed, friends: ["friend"] };

/** Every change of one visibility to another, with each of them once in a row (an Eulerian walk of the complete graph). */
function everyChange(): Visibility[] {
  const left = new Map(visibilities.map((one) => [one, visibilities.filter((other) => other !== one)]));
  const walk: Visibility[] = [];
  const stack: Visibility[] = ["public"];
  while (stack.length > 0) {
    const next = left.get(stack.at(-1)!)!.pop();
    if (next) stack.push(next);
    else walk.unshift(stack.pop()!);
  }
  return walk;
}

describe.each(shapes)("who sees what, %s", (shape) => {
  const server = scenario(shape, { env: { DOUYA_RUNGS: "90" } });
  const classic = classicClient(() => server.origin);
  let people: Record<Exclude<Viewer, "guest">, Person>;
  let video: Video;
  let other: Video;
  let commentId: string;
  let shareCode: string;
  let moderation: Awaited<ReturnType<typeof videoModeration>>;
  /** As a public video, by everybody's addresses. */
  let plain: { playUrl: string; coverUrl: string; hlsUrl: string; rungUrl: string };

  const author = () => people.author;
  const done = async (answer: Promise<Answer<unknown>>) => {
    const { status, text } = await answer;
    expect([200, 201, 204], text).toContain(status);
  };
  const token = (viewer: Viewer) => (viewer === "guest" ? undefined : people[viewer].session.accessToken);
  const ask = <T>(viewer: Viewer, path: string, method = "GET", json?: unknown) =>
    server.api<T>(method, path, { token: token(viewer), ...(json !== undefined && { json }) });
  const classicQuery = (viewer: Viewer, more: Record<string, string> = {}) => {
    const value = token(viewer);
    return { ...more, ...(value && { token: value }) };
  };

  beforeAll(async () => {
    const names = viewers.filter((viewer) => viewer !== "guest");
    const registered = await Promise.all(names.map(() => server.register()));
    people = Object.fromEntries(names.map((name, i) => [name, registered[i]])) as typeof people;
    for (const fan of [people.follower, people.friend, people.blocked])
      await done(fan.put(`/users/${author().id}/follow`));
    await done(author().put(`/users/${people.friend.id}/follow`));
    await done(author().put(`/users/${people.blocked.id}/block`));
    // Who reads has an inbox.
    for (const viewer of ["follower", "friend"] as const) await done(ask(viewer, "/feed/following"));
    video = await author().settled((await author().publish(freshClip())).id);
    // Of another picture, since files are shared by those who show the same.
    other = await author().settled((await author().publish(freshClip("rgb-silent.webm"))).id);
    const hlsUrl = await until(
      "its stream",
      async () => body(await ask<Video>("guest", target())).hlsUrl,
      nowAndThenMs,
    );
    // Named by its short side, which is smaller than asked for where the film is.
    const rung = /^[^#].*$/m.exec((await send<string>("GET", hlsUrl)).text)![0];
    const rungUrl = new URL(rung, hlsUrl).href;
    plain = { playUrl: video.playUrl!, coverUrl: video.coverUrl!, hlsUrl, rungUrl };
    const comment = await ask<Schemas["Comment"]>("friend", `/videos/${video.id}/comments`, "POST", {
      text: "hi",
    });
    commentId = body(comment, 201).id;
    // Of which the friend is told.
    await done(
      ask("author", `/videos/${video.id}/comments/${commentId}/replies`, "POST", { text: "you too" }),
    );
    for (const what of ["like", "repost"]) await done(ask("friend", `/videos/${video.id}/${what}`, "PUT"));
    await until("the friend is told", () => surfaces["friend's notifications"]!.sees("friend"));
    for (const viewer of names) await done(ask(viewer, `/videos/${video.id}/bookmark`, "PUT"));
    shareCode = body(await ask<{ code: string }>("friend", `/videos/${video.id}/shares`, "POST"), 201).code;
    await Promise.all(names.map((viewer) => watchEnough(server, video, people[viewer])));
    await until("it is in every history, and ranked", async () => {
      const ranked = await surfaces["most shared"]!.sees("guest");
      const seen = await Promise.all(names.map((viewer) => surfaces["own history"]!.sees(viewer)));
      return ranked && !seen.includes(false);
    });
    await arrived("public");
    moderation = await videoModeration(server.deployment);
  });
  afterAll(() => moderation?.close());

  /** Whether a list has the video. */
  const has = (items: { id: string | number; key?: string }[]) =>
    items.some(({ id, key }) => (key ?? id) === video.id);
  const list = async (viewer: Viewer, path: string) => has(body(await ask<Page<Video>>(viewer, path)).items);
  const following = (viewer: Viewer) => list(viewer, "/feed/following");
  /** A refusal must be the one for a video that never was. */
  const there = async (asked: Promise<Answer<unknown>>, reason = "VIDEO_NOT_FOUND") => {
    const answer = await asked;
    if (answer.status < 300 || (answer.body as Schemas["Problem"]).reason === "BLOCKED_BY_USER") return true;
    expectProblem(answer, 404, reason);
    return false;
  };
  const classicThere = (answer: Answer<{ status_code: number }>) => {
    // 10202: VIDEO_NOT_FOUND. Others tell of the video.
    return answer.body.status_code !== 10202;
  };
  const page = async (path: string) => (await wholePage(`${server.origin}${path}`)).text;

  const notGuests = (may: Record<Visibility, readonly Viewer[]>) =>
    Object.fromEntries(
      visibilities.map((one) => [one, may[one].filter((viewer) => viewer !== "guest")]),
    ) as unknown as typeof may;
  const guestsToo = (may: Record<Visibility, readonly Viewer[]>) =>
    Object.fromEntries(
      visibilities.map((one) => [one, may[one].includes("guest") ? viewers : []]),
    ) as unknown as typeof may;
  const onPublic = guestsToo({ ...maySee, unlisted: [] });
  const target = () => `/videos/${video.id}`;

  /** Every surface that a video is on: who is asked, whether it is there, and who should find it. */
  const surfaces: Record<
    string,
    {
      sees: (viewer: Viewer) => Promise<boolean>;
      may: Record<Visibility, readonly Viewer[]>;
      /** Only these can ask. */
      only?: readonly Viewer[];
      /** It is the same whoever asks, so one asks for all. */
      anybody?: true;
    }
  > = {
    "one video": { sees: (viewer) => there(ask(viewer, target())), may: maySee },
    "public feed": { sees: (viewer) => list(viewer, "/feed?limit=50"), may: inPublicFeed },
    "following feed": {
      sees: following,
      may: inFollowing,
      only: viewers.filter((viewer) => viewer !== "guest"),
    },
    "author's videos": {
      sees: (viewer) => list(viewer, `/users/${author().id}/videos?limit=50`),
      may: mayFind,
    },
    "own videos": { sees: (viewer) => list(viewer, "/me/videos"), may: maySee, only: ["author"] },
    "friend's likes": {
      sees: (viewer) => list(viewer, `/users/${people.friend.id}/likes`),
      // Who likes an unlisted video knows the link.
      may: { ...mayFind, unlisted: ["friend", "author"] },
    },
    "own bookmarks": {
      sees: (viewer) => list(viewer, "/me/bookmarks"),
      may: notGuests(maySee),
      only: viewers.filter((viewer) => viewer !== "guest"),
    },
    "own history": {
      async sees(viewer) {
        const { items } = body(await ask<{ items: { video: Video }[] }>(viewer, "/history"));
        return has(items.map((item) => item.video));
      },
      may: notGuests(maySee),
      only: viewers.filter((viewer) => viewer !== "guest"),
    },
    "most shared": {
      async sees(viewer) {
        const path = "/rankings/shared?window=all";
        return has(
          body(await ask<{ items: { video: Video }[] }>(viewer, path)).items.map((item) => item.video),
        );
      },
      may: inPublicFeed,
    },
    "a shared link": { sees: (viewer) => there(ask(viewer, `/shares/${shareCode}`)), may: maySee },
    "page of a shared link": {
      anybody: true,
      sees: async () => (await send("GET", `${server.origin}/s/${shareCode}`)).status === 302,
      may: guestsToo(maySee),
    },
    "friend's reposts": {
      sees: (viewer) => list(viewer, `/users/${people.friend.id}/reposts`),
      may: inPublicFeed,
    },
    "friend's notifications": {
      async sees(viewer) {
        const { items } = body(await ask<Page<Schemas["Notification"]>>(viewer, "/notifications"));
        return items.some((item) => item.video?.id === video.id);
      },
      may: notGuests(maySee),
      only: ["friend"],
    },
    comments: { sees: (viewer) => there(ask(viewer, `${target()}/comments`)), may: maySee },
    replies: {
      sees: (viewer) => there(ask(viewer, `${target()}/comments/${commentId}/replies`)),
      may: maySee,
    },
    ...Object.fromEntries(
      (
        [
          ["liking", "PUT", "/like"],
          ["keeping", "PUT", "/bookmark"],
          ["reposting", "PUT", "/repost"],
          ["disliking", "PUT", "/dislike"],
          ["withdrawing a dislike", "DELETE", "/dislike"],
          ["commenting", "POST", "/comments"],
          ["reporting", "POST", "/reports"],
          ["deleting a comment", "DELETE", "/comments/1"],
          ["pinning", "DELETE", "/pinned-comment"],
          ["closing comments", "DELETE", "/comments-closed"],
          ["changing it", "PATCH", ""],
        ] as const
      ).map(([what, method, path]) => [
        what,
        {
          async sees(viewer: Viewer) {
            const json = {
              "/comments": { text: "hm" },
              "/reports": { subject: { kind: "video", id: video.id }, reason: "spam" },
              "": {},
            }[path as string];
            const answer = await ask<Schemas["Problem"]>(
              viewer,
              path === "/reports" ? path : `${target()}${path}`,
              method,
              json,
            );
            // Likes of the friend stay, for the list of what they like.
            if (viewer === "friend") await ask(viewer, `${target()}/like`, "PUT");
            const { status, body: problem } = answer;
            if (status < 300 || status === 403 || /^REPO(ST|RT)S_/.test(problem.reason)) return true;
            expect(["VIDEO_NOT_FOUND", "COMMENT_NOT_FOUND"]).toContain(problem.reason);
            return problem.reason === "COMMENT_NOT_FOUND";
          },
          may: notGuests(maySee),
          only: viewers.filter((viewer) => viewer !== "guest"),
        },
      ]),
    ),
    "classic feed": {
      sees: async (viewer) => has(videosOf(await classic.get("/feed/", classicQuery(viewer)))),
      may: inClassicFeed,
    },
    "classic list of an author": {
      sees: async (viewer) =>
        has(videosOf(await classic.get("/publish/list/", classicQuery(viewer, { user_id: author().id })))),
      may: mayFind,
    },
    "classic likes of the friend": {
      sees: async (viewer) =>
        has(
          videosOf(await classic.get("/favorite/list/", classicQuery(viewer, { user_id: people.friend.id }))),
        ),
      may: { ...mayFind, unlisted: ["friend", "author"] },
    },
    "classic comments": {
      sees: async (viewer) =>
        classicThere(await classic.get("/comment/list/", classicQuery(viewer, { video_id: video.id }))),
      may: maySee,
    },
    "classic like": {
      sees: async (viewer) => {
        const query = classicQuery(viewer, { video_id: video.id, action_type: "1" });
        return classicThere(await classic.post("/favorite/action/", query));
      },
      may: notGuests(maySee),
      only: viewers.filter((viewer) => viewer !== "guest"),
    },
    "classic comment": {
      sees: async (viewer) => {
        const query = { video_id: video.id, action_type: "1", comment_text: "hm" };
        return classicThere(await classic.post("/comment/action/", classicQuery(viewer, query)));
      },
      may: notGuests(maySee),
      only: viewers.filter((viewer) => viewer !== "guest"),
    },
    "first screen of the feed": {
      anybody: true,
      sees: async () => (await page("/")).includes(`"id":"${video.id}"`),
      may: onPublic,
    },
    "preview of its link, and its first screen": {
      anybody: true,
      sees: async () => {
        const text = await page(`/video/${video.id}`);
        const preview = text.includes(`/video/${video.id}"`);
        expect(text.includes(`"id":"${video.id}"`)).toBe(preview);
        return preview;
      },
      may: guestsToo(maySee),
    },
    "its stream": {
      async sees(viewer) {
        const { hlsUrl } = (await ask<Partial<Video>>(viewer, target())).body;
        if (!hlsUrl) return false;
        const master = await send<string>("GET", hlsUrl);
        const rungUrl = new URL(body(master).trimEnd().split("\n").at(-1)!, hlsUrl).href;
        const [file] = body(await send<string>("GET", rungUrl)).match(/^[^#].*$/m)!;
        const headers = { range: "bytes=0-9" };
        body(await send("GET", new URL(file, rungUrl).href, { headers }), 206);
        return true;
      },
      may: maySee,
    },
    "its playlists under the plain address": {
      anybody: true,
      async sees() {
        const statuses = await Promise.all(
          [plain.hlsUrl, plain.rungUrl].flatMap((url) =>
            ["GET", "HEAD"].map(async (method) => (await send(method, url)).status < 400),
          ),
        );
        expect(new Set(statuses).size).toBe(1);
        return statuses[0]!;
      },
      may: onPublic,
    },
    "its file under the plain address": {
      anybody: true,
      sees: async () => {
        const statuses = await Promise.all(
          [plain.playUrl, plain.coverUrl].flatMap((url) =>
            ([[], [["range", "bytes=0-9"]], [["if-none-match", "*"]]] as [string, string][][]).map(
              async (fields) => {
                const headers = Object.fromEntries(fields);
                const [got, head] = await Promise.all(
                  ["GET", "HEAD"].map((method) => send(method, url, { headers })),
                );
                expect(head!.status).toBe(got!.status);
                return got!.status < 400;
              },
            ),
          ),
        );
        expect(new Set(statuses).size).toBe(1);
        return statuses[0]!;
      },
      may: onPublic,
    },
    "number of works": {
      sees: async (viewer) =>
        body(await ask<Schemas["User"]>(viewer, `/users/${author().id}`)).counts.videos === 2,
      may: onPublic,
    },
  };

  async function look(visibility: Visibility) {
    for (const [surface, { sees, may, only, anybody }] of Object.entries(surfaces)) {
      const asked = viewers.filter((viewer) => !only || only.includes(viewer));
      const one = anybody && (await sees("guest"));
      const seen = one === undefined ? await Promise.all(asked.map(sees)) : asked.map(() => one);
      const found = asked.filter((_, i) => seen[i]);
      const expected = asked.filter((viewer) => may[visibility].includes(viewer));
      expect({ visibility, surface, found }).toEqual({ visibility, surface, found: expected });
    }
  }
  /** What feeds gain, the feed's consumer brings; what they lose is gone at once. */
  const arrived = (visibility: Visibility) =>
    until("it has come to the feeds of followers", async () => {
      const seen = await Promise.all((["follower", "friend"] as const).map(following));
      return (["follower", "friend"] as const).every(
        (viewer, i) => seen[i] || !inFollowing[visibility].includes(viewer),
      );
    });

  /** Every event so far has come to the feeds. */
  async function handled(): Promise<void> {
    const { databaseUrlOf } = server.deployment;
    const database = openDatabase(databaseUrlOf("feed"), { log: createLog("silent") });
    try {
      await until("every event is handled", async () => {
        const groups = await readAllLag([database.pool]);
        const { rows } = await database.pool.query("select from feed.job");
        return groups.length > 0 && groups.every(({ records }) => records === 0) && rows.length === 0;
      });
    } finally {
      await database.close();
    }
  }

  test("every viewer, on every surface, after every change of every visibility", async () => {
    await look("public");
    for (const visibility of everyChange().slice(1)) {
      // Every page is kept by somebody before it changes.
      const change = body(await author().patch<Video>(target(), { json: { visibility } }));
      expect(change.visibility).toBe(visibility);
      // The next requests of all; what is gained comes a moment later, and nothing is seen too early or too long.
      for (const viewer of viewers) {
        if (viewer !== "guest") {
          const seen = await following(viewer);
          expect(seen && !inFollowing[visibility].includes(viewer)).toBe(false);
        }
      }
      await arrived(visibility);
      await look(visibility);
    }
  });

  test("what moderators restrict or take down is found as if unlisted or private, until they end it, and its author knows", async () => {
    const own = async () => {
      const { visibility, moderation } = body(await ask<Video>("author", target()));
      return [visibility, moderation];
    };
    const device = await connectDevice(server.origin, people.stranger);
    device.tell({ type: "subscribe", videos: [video.id] });
    const hears = (what: "gone" | "counts") =>
      until(`the stranger hears: ${what}`, () => device.live(video.id).at(-1)?.[what]);
    await hears("counts");
    for (const [reach, said, held] of [
      [Reach.RESTRICTED, "restricted", "unlisted"],
      [Reach.DOWN, "taken-down", "private"],
      [Reach.FULL, undefined, "public"],
    ] as const) {
      await moderation.let(video.id, reach);
      if (held === "public") await arrived("public");
      await look(held);
      expect(await own()).toEqual(["public", said]);
      await hears(held === "private" ? "gone" : "counts");
    }
    // What the author chooses meanwhile holds only when they end it.
    await moderation.let(video.id, Reach.DOWN);
    const change = body(await author().patch<Video>(target(), { json: { visibility: "friends" } }));
    expect(change).toMatchObject({ visibility: "friends", moderation: "taken-down" });
    const see = () => Promise.all((["friend", "follower"] as const).map((who) => there(ask(who, target()))));
    expect(await see()).toEqual([false, false]);
    await moderation.let(video.id, Reach.RESTRICTED);
    expect([await see(), await own()]).toEqual([
      [true, false],
      ["friends", "restricted"],
    ]);
    await done(author().patch(target(), { json: { visibility: "public" } }));
    await moderation.let(video.id, Reach.FULL);
    await arrived("public");
  });

  test("what is taken down is played by moderators where it was reported, and by nobody else", async () => {
    const [mo, secret] = [await moderatorAt(server), await secretOf(server.deployment)];
    await moderation.let(video.id, Reach.DOWN);
    expectProblem(await mo.get(target()), 404, "VIDEO_NOT_FOUND");
    const headers = { range: "bytes=0-9" };
    const query = (path: string) => moderatorQuery(secret, path, video.id, mo.id);
    const status = async (url: string) => (await send("GET", url, { headers })).status;
    const key = new URL(plain.playUrl).pathname.replace("/media/", "");
    const film = plain.playUrl + query(key);
    expect([await status(film), await status(film.replace("&as=moderator", ""))]).toEqual([206, 404]);
    expect(await status(film.replace(mo.id, people.stranger.id))).toBe(404);
    const saved = `${server.origin}/media/download/${video.id}${query(`download/${video.id}`)}`;
    expect(await status(saved)).toBe(206);
    const hlsUrl = plain.hlsUrl + query(`hls/${video.id}`);
    const rungUrl = new URL(/^[^#].*$/m.exec((await send<string>("GET", hlsUrl)).text)![0], hlsUrl);
    const [file] = body(await send<string>("GET", rungUrl.href)).match(/^[^#].*$/m)!;
    expect(await status(new URL(file, rungUrl).href)).toBe(206);
    for (const [name, value] of [
      ["as", "author"],
      ["viewer", people.stranger.id],
    ] as const) {
      rungUrl.searchParams.set(name, value);
      expect((await send("GET", rungUrl.href)).status).toBe(404);
    }
    await moderation.let(video.id, Reach.FULL);
    expect([await status(film), await status(saved)]).toEqual([206, 206]);
    await arrived("public");
  });

  test("files of what is not public are at signed addresses, for whom they were given, as long as they may see it", async () => {
    const set = (visibility: Visibility) => done(author().patch(target(), { json: { visibility } }));
    const urls = async (viewer: Viewer) => {
      const { playUrl, coverUrl } = body(await ask<Video>(viewer, target()));
      return [playUrl!, coverUrl!];
    };
    const statuses = (all: string[]) =>
      Promise.all(
        all.map(async (url) => (await send("GET", url, { headers: { range: "bytes=0-9" } })).status),
      );
    const given: Partial<Record<Visibility, string[]>> = {};
    for (const [visibility, viewer] of [
      ["unlisted", "guest"],
      ["friends", "friend"],
      ["private", "author"],
    ] as const) {
      await set(visibility);
      given[visibility] = await urls(viewer);
      expect(given[visibility]!.every((url) => new URL(url).searchParams.has("signature"))).toBe(true);
      expect(await statuses(given[visibility]!)).toEqual([206, 206]);
      expect(await statuses(await urls("author"))).toEqual([206, 206]);
    }
    const answer = await send("GET", given.private![0]!);
    expect(answer.headers.get("cache-control")).toBe("private, no-cache");
    // It is private by now.
    expect(await statuses([...given.unlisted!, ...given.friends!])).toEqual([404, 404, 404, 404]);
    await set("friends");
    expect(await statuses([...given.unlisted!, ...given.friends!])).toEqual([404, 404, 206, 206]);
    await done(people.friend.delete(`/users/${author().id}/follow`));
    expect(await statuses(given.friends!)).toEqual([404, 404]);
    expect(await there(ask("friend", target()))).toBe(false);
    await done(people.friend.put(`/users/${author().id}/follow`));
    expect(await statuses(given.friends!)).toEqual([206, 206]);

    const forged = (change: (url: URL) => void) => {
      const url = new URL(given.friends![0]!);
      change(url);
      return url.href;
    };
    const query = (name: string, value: string) => forged((url) => url.searchParams.set(name, value));
    const theirs = given.friends![0]!.match(/[0-9a-f]{64}/)![0];
    const anothers = body(await ask<Video>("guest", `/videos/${other.id}`)).playUrl!.match(
      /[0-9a-f]{64}/,
    )![0];
    const refused = [
      ...[query("viewer", author().id), query("viewer", "0"), query("video", other.id)],
      ...[query("until", "9999999999"), query("until", "1"), query("signature", "")],
      query("signature", new URL(given.friends![1]!).searchParams.get("signature")!),
      `${query("until", "x")}&until=1`,
      ...["video", "viewer", "until", "signature"].map((name) =>
        forged((url) => url.searchParams.delete(name)),
      ),
    ];
    expect(await statuses(refused)).toEqual(refused.map(() => 404));
    // A right query opens one file, and takes nothing from what is open anyway.
    expect(await statuses([given.friends![0]!.replace(theirs, anothers)])).toEqual([206]);
    await set("public");
    expect((await urls("guest")).map((url) => new URL(url).search)).toEqual(["", ""]);
    expect((await send("GET", plain.playUrl)).headers.get("cache-control")).toBe(
      "public, max-age=31536000, s-maxage=0, immutable",
    );
  });

  test("what one has done can be withdrawn after the video was hidden, and whoever did nothing learns nothing", async () => {
    const hidden = await author().settled((await author().publish(freshClip())).id);
    const path = `/videos/${hidden.id}`;
    const { follower, stranger } = people;
    for (const what of ["like", "bookmark", "repost"]) await done(follower.put(`${path}/${what}`));
    const text = { json: { text: "mine" } };
    const comment = body(await follower.post<Schemas["Comment"]>(`${path}/comments`, text), 201);
    await done(stranger.put(`${path}/dislike`));
    await done(author().patch(path, { json: { visibility: "private" } }));
    expectProblem(await follower.delete(`${path}/dislike`), 404, "VIDEO_NOT_FOUND");
    expectProblem(await stranger.delete(`${path}/comments/${comment.id}`), 404, "VIDEO_NOT_FOUND");
    for (const what of ["like", "bookmark", "repost", `comments/${comment.id}`])
      await done(follower.delete(`${path}/${what}`));
    await done(stranger.delete(`${path}/dislike`));
    for (const what of ["like", "bookmark", "repost", "dislike", `comments/${comment.id}`])
      for (const person of [follower, stranger])
        expectProblem(await person.delete(`${path}/${what}`), 404, "VIDEO_NOT_FOUND");
    expect(body(await author().get<Video>(path)).counts).toEqual({
      likes: 0,
      comments: 0,
      bookmarks: 0,
      reposts: 0,
      shares: 0,
      downloads: 0,
      views: 0,
    });
  });

  test("the same file stays open while another public video shows it, and no longer", async () => {
    const file = freshClip();
    const [one, two] = await Promise.all(
      [author(), people.stranger].map(async (person) => person.settled((await person.publish(file)).id)),
    );
    const open = async () => (await send("GET", one!.playUrl!)).status === 200;
    expect(two!.playUrl).toBe(one!.playUrl);
    await done(author().patch(`/videos/${one!.id}`, { json: { visibility: "private" } }));
    expect(await open()).toBe(true);
    await done(people.stranger.delete(`/videos/${two!.id}`));
    expect(await open()).toBe(false);
    await done(author().patch(`/videos/${one!.id}`, { json: { visibility: "public" } }));
    expect(await open()).toBe(true);
  });

  test("what begins as not public is told to nobody else, and counts when it becomes public", async () => {
    const fan = people.friend;
    for (const visibility of ["private", "unlisted", "friends"] as const) {
      const upload = body(await author().upload(freshClip()), 201);
      const json = { uploadId: upload.id, title: "Not yet", visibility };
      const made = body(await author().post<Video>("/videos", { json }), 201);
      expect(made.visibility).toBe(visibility);
      const settled = await author().settled(made.id);
      expect(settled.state).toBe("published");
      const plainUrl = settled.playUrl!.split("?")[0]!;
      expect((await send("GET", plainUrl)).status).toBe(404);
      const feeds = async (path: string, viewer: Viewer) =>
        body(await ask<Page<Video>>(viewer, path)).items.some(({ id }) => id === made.id);
      expect(await feeds("/feed?limit=50", "guest")).toBe(false);
      // What should not come has had its time to.
      await handled();
      expect(await feeds("/feed/following", "friend")).toBe(visibility === "friends");
      expect(await feeds("/feed/following", "follower")).toBe(false);
      const works = async () => body(await fan.get<Schemas["User"]>(`/users/${author().id}`)).counts.videos;
      const before = await works();
      await done(author().patch(`/videos/${made.id}`, { json: { visibility: "public" } }));
      expect(await works()).toBe(before + 1);
      expect(await feeds("/feed?limit=50", "guest")).toBe(true);
      await until("followers find it", () => feeds("/feed/following", "follower"));
      expect((await send("GET", plainUrl)).status).toBe(200);
      // From a private state it is deleted as from any other, with its count.
      await done(author().patch(`/videos/${made.id}`, { json: { visibility } }));
      await done(author().delete(`/videos/${made.id}`));
      expect(await works()).toBe(before);
    }
  });

  test("a visibility that there is not is refused and changes nothing", async () => {
    for (const visibility of ["secret", "", 1, null, ["private"]])
      expectProblem(await author().patch(target(), { json: { visibility } }), 422, "INVALID_ARGUMENT");
    expect(body(await author().get<Video>(target())).visibility).toBe("public");
  });

  test("every count agrees with its facts in the end", async () => {
    const { dataDir, databaseUrl } = server.deployment;
    const environment = { DOUYA_DATA: dataDir, DOUYA_DATABASE_URL: databaseUrl };
    const doctor = startProgram(["doctor", "--recount"], environment);
    expect((await doctor.ended).code, doctor.output()).toBe(0);
  });
});

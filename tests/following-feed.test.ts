import { beforeAll, describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, type Page, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];

describe.each(shapes)("the following feed, %s", (shape) => {
  // So few followers make an author large that the test crosses the threshold in both directions.
  const server = scenario(shape, { env: { DOUYA_FEED_PULL_FOLLOWERS: "3" } });
  let authors: Person[];
  let readers: Person[];
  const published: Video[] = [];

  beforeAll(async () => {
    authors = await Promise.all([server.register(), server.register(), server.register()]);
    readers = await Promise.all([server.register(), server.register(), server.register(), server.register()]);
  });

  const publish = async (author: Person) => {
    published.push(await author.settled((await author.publish(freshClip())).id));
  };
  const follow = async (reader: Person, author: Person) => {
    expect((await reader.put(`/users/${author.id}/follow`)).status).toBe(204);
  };
  const unfollow = async (reader: Person, author: Person) => {
    expect((await reader.delete(`/users/${author.id}/follow`)).status).toBe(204);
  };

  const feedOf = async (reader: Person, limit = 2): Promise<string[]> => {
    const ids: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const path: string = `/feed/following?limit=${limit}${cursor && `&cursor=${cursor}`}`;
      const page: Page<Video> = body(await reader.get<Page<Video>>(path));
      ids.push(...page.items.map((video) => video.id));
      cursor = page.nextCursor;
    }
    return ids;
  };
  const followedBy = async (reader: Person) =>
    body(await reader.get<Page<Schemas["User"]>>(`/users/${reader.id}/following?limit=50`)).items.map(
      ({ id }) => id,
    );
  /** From the facts: what followed people have published, newest first. */
  const naive = async (reader: Person) => {
    const followed = await followedBy(reader);
    return published
      .filter((video) => followed.includes(video.author.id))
      .sort((a, b) => Date.parse(b.publishedAt!) - Date.parse(a.publishedAt!))
      .map((video) => video.id);
  };
  /** Events take a moment; in the end every feed equals the facts. */
  const agrees = async (reader: Person) => {
    const expected = await naive(reader);
    let seen: string[] = [];
    await until("the feed to be what the facts say", async () => {
      seen = await feedOf(reader);
      return JSON.stringify(seen) === JSON.stringify(expected);
    }).catch(() => expect(seen).toEqual(expected));
  };

  test("it is empty for a reader who follows nobody, and private", async () => {
    expect(await feedOf(readers[0]!)).toEqual([]);
    expect((await server.api("GET", "/feed/following")).status).toBe(401);
  });

  test("it is what followed people have published, across the threshold and back", async () => {
    const [a, b, c] = authors as [Person, Person, Person];
    const [r, s, t, u] = readers as [Person, Person, Person, Person];
    await publish(a);
    await follow(r, a);
    await follow(s, a);
    await agrees(r);
    await publish(a);
    await publish(b);
    await agrees(s);
    // The third follower makes the author large: from here on the videos are pulled.
    await follow(t, a);
    await follow(t, b);
    await publish(a);
    for (const reader of [r, s, t]) await agrees(reader);
    await follow(u, a);
    await publish(a);
    await publish(c);
    for (const reader of readers) await agrees(reader);
    // Below a fifth under the threshold videos are delivered again.
    for (const reader of [s, t, u]) await unfollow(reader, a);
    await publish(a);
    for (const reader of readers) await agrees(reader);
  });

  test("an unfollow takes the videos out at once, a follow brings them back", async () => {
    const [a] = authors as [Person];
    const [r] = readers as [Person];
    await unfollow(r, a);
    expect(await feedOf(r)).toEqual([]);
    await follow(r, a);
    await agrees(r);
  });

  test("a deleted video is in no feed", async () => {
    const [a] = authors as [Person];
    const [r] = readers as [Person];
    const video = published.splice(0, 1)[0]!;
    expect((await a.delete(`/videos/${video.id}`)).status).toBe(204);
    expect(await feedOf(r)).not.toContain(video.id);
    await agrees(r);
  });

  test("in the classic feed it comes first and the public feed fills the page", async () => {
    const [r] = readers as [Person];
    const answer = await fetch(`${server.origin}/douyin/feed/?token=${r.session.accessToken}`);
    const { video_list } = (await answer.json()) as { video_list: { play_url: string }[] };
    expect(video_list).toHaveLength(published.length);
  });
});

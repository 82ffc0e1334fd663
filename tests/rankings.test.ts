import { beforeAll, describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { watchEnough } from "./harness/watch.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];

describe.each(shapes)("downloads and rankings, %s", (shape) => {
  const server = scenario(shape);
  let [ada, ben, eve]: Person[] = [];
  let [one, two]: Video[] = [];

  beforeAll(async () => {
    [ada, ben, eve] = await Promise.all([server.register(), server.register(), server.register()]);
    one = await ada!.settled((await ada!.publish(freshClip())).id);
    two = await ada!.settled((await ada!.publish(freshClip("rgb-silent.webm"))).id);
  });

  const see = async (id: string, viewer?: Person) =>
    body(await server.api<Video>("GET", `/videos/${id}`, { token: viewer?.session.accessToken }));
  const downloadsOf = async (id: string) => (await see(id)).counts.downloads;
  const save = (url: string, headers: Record<string, string> = {}, method = "GET") =>
    fetch(url, { method, headers }).then(async (answer) => {
      await answer.arrayBuffer();
      return answer.status;
    });
  const ranked = async (ranking: string, window: string, viewer?: Person) => {
    const path = `/rankings/${ranking}?window=${window}`;
    const answer = await server.api<{ items: { video: Video; count: number }[] }>("GET", path, {
      token: viewer?.session.accessToken,
    });
    return body(answer).items.map(({ video, count }) => [video.id, count]);
  };
  const change = async (id: string, json: object) => body(await ada!.patch<Video>(`/videos/${id}`, { json }));

  test("a film that is saved counts once a day for each person, and for guests by their address", async () => {
    const bens = (await see(one!.id, ben)).downloadUrl!;
    for (let i = 0; i < 2; i++) expect(await save(bens)).toBe(200);
    expect(await downloadsOf(one!.id)).toBe(1);
    expect(await save((await see(one!.id, eve)).downloadUrl!)).toBe(200);
    const guests = (await see(one!.id)).downloadUrl!;
    expect(guests).not.toContain("viewer");
    for (let i = 0; i < 2; i++) expect(await save(guests)).toBe(200);
    expect(await downloadsOf(one!.id)).toBe(3);
    // What is no download counts nothing, nor does somebody else's name.
    const { downloadUrl } = await see(two!.id, ben);
    expect(await save(downloadUrl!, {}, "HEAD")).toBe(200);
    expect(await save(downloadUrl!, { range: "bytes=10-" })).toBe(206);
    expect(await save((await see(two!.id, ben)).playUrl!)).toBe(200);
    expect(await downloadsOf(two!.id)).toBe(0);
    expect(await save(downloadUrl!.replace(`viewer=${ben!.id}`, `viewer=${eve!.id}`))).toBe(200);
    expect(await save(guests.replace(one!.id, two!.id))).toBe(200);
    expect(await downloadsOf(two!.id)).toBe(1);
  });

  test("only what its author lets people save, and whoever may see it", async () => {
    const { downloadUrl } = await see(one!.id, ben);
    const before = await downloadsOf(one!.id);
    await change(one!.id, { downloadAllowed: false });
    expect(await save(downloadUrl!)).toBe(403);
    await change(one!.id, { downloadAllowed: true, visibility: "private" });
    expect(await save(downloadUrl!)).toBe(404);
    expect(await save((await see(one!.id, ada)).downloadUrl!)).toBe(200);
    await change(one!.id, { visibility: "unlisted" });
    const bare = `${server.origin}/media/download/${one!.id}`;
    const guests = (await see(one!.id)).downloadUrl!;
    for (const url of [bare, guests.replace(/until=\d+/, "until=9")]) expect(await save(url)).toBe(404);
    expect(await save(guests)).toBe(200);
    await change(one!.id, { visibility: "public" });
    expect(await save(bare)).toBe(200);
    expect(await downloadsOf(one!.id)).toBe(before + 1);
    const { origin } = server;
    for (const id of ["1", "x", "0", `${one!.id}x`, "9".repeat(40), "%00"])
      expect([400, 404], id).toContain(await save(`${origin}/media/download/${id}`));
    expect(await save(`${origin}/media/download/${one!.id}?video=1&viewer=x&until=9&signature=z`)).toBe(200);
  });

  test("rankings follow what people do, and show what is public with the next request", async () => {
    for (const person of [ada!, ben!, eve!]) body(await person.post(`/videos/${two!.id}/shares`), 201);
    body(await ben!.post(`/videos/${one!.id}/shares`), 201);
    const windows = ["24h", "7d", "all"];
    for (const window of windows) {
      const shared = [
        [two!.id, 3],
        [one!.id, 1],
      ];
      await expect.poll(() => ranked("shared", window)).toEqual(shared);
      await expect
        .poll(async () => (await ranked("downloaded", window)).map(([id]) => id))
        .toEqual([one!.id, two!.id]);
    }
    for (const visibility of ["private", "friends", "unlisted"]) {
      await change(two!.id, { visibility });
      for (const viewer of [undefined, ada])
        expect(await ranked("shared", "7d", viewer)).toEqual([[one!.id, 1]]);
    }
    await change(two!.id, { visibility: "public" });
    expect((await ben!.put(`/users/${ada!.id}/block`)).status).toBe(204);
    expect(await ranked("shared", "7d", ben)).toEqual([]);
    expect((await ben!.delete(`/users/${ada!.id}/block`)).status).toBe(204);
    expect(await ranked("shared", "7d", ben)).toHaveLength(2);
  });

  test("what is watched most is ranked, and what is watched to the end, liked and shared now is hot", async () => {
    // Of the last hour all counts three times.
    const hot = (numbers: Record<string, number>) =>
      Object.entries(numbers)
        .map(([id, n]) => [id, 3 * n])
        .sort(([, a], [, b]) => Number(b) - Number(a));
    const rank = (ranking: string, window = "24h") => ranked(ranking, window);
    const [a, b] = [one!.id, two!.id];
    await expect.poll(() => rank("hot")).toEqual(hot({ [b]: 3 * 12, [a]: 12 }));
    expect(await rank("viewed")).toEqual([]);
    await watchEnough(server, one!, ben, { ended: true });
    for (const viewer of [ben, eve, undefined]) await watchEnough(server, two!, viewer);
    for (const viewer of [eve, ada]) await watchEnough(server, one!, viewer);
    for (const window of ["24h", "7d", "all"])
      await expect
        .poll(() => rank("viewed", window))
        .toEqual([
          [b, 3],
          [a, 2],
        ]);
    for (const window of ["24h", "7d", "all"])
      expect(await rank("hot", window)).toEqual(hot({ [b]: 3 * 12 + 3, [a]: 12 + 2 + 2 }));
    for (const person of [ada, ben, eve, ben])
      expect((await person!.put(`/videos/${a}/like`)).status).toBe(204);
    await expect.poll(() => rank("hot")).toEqual(hot({ [a]: 12 + 4 + 3 * 8, [b]: 3 * 12 + 3 }));
    expect((await ben!.delete(`/videos/${a}/like`)).status).toBe(204);
    expect((await ben!.put(`/videos/${b}/dislike`)).status).toBe(204);
    await expect.poll(() => rank("hot")).toEqual(hot({ [b]: 3 * 12 + 3, [a]: 12 + 4 + 2 * 8 }));
    await change(b, { visibility: "private" });
    for (const viewer of [undefined, ada]) expect(await ranked("viewed", "all", viewer)).toEqual([[a, 2]]);
    await change(b, { visibility: "public" });
  });

  test("a page is full, however many of those before are not shown", async () => {
    const hidden = [two!];
    for (let i = 0; i < 2; i++) hidden.push(await ada!.settled((await ada!.publish(freshClip())).id));
    for (const { id } of hidden.slice(1))
      for (const person of [ada!, ben!]) body(await person.post(`/videos/${id}/shares`), 201);
    await expect.poll(async () => (await ranked("shared", "all")).length).toBe(4);
    for (const { id } of hidden) await change(id, { visibility: "private" });
    expect(await ranked("shared", "all&limit=1")).toEqual([[one!.id, 1]]);
    for (const { id } of hidden.slice(1)) expect((await ada!.delete(`/videos/${id}`)).status).toBe(204);
    await change(two!.id, { visibility: "public" });
  });

  test("what nobody ranks is refused by name", async () => {
    for (const path of [
      "/rankings/nonsense",
      "/rankings/shared?window=1h",
      "/rankings/hot?window=1h",
      "/rankings/viewed?window=28d",
      "/rankings/viewed?limit=1001",
      "/rankings/shared?limit=51",
      "/rankings/shared?limit=0",
      "/rankings/shared?window=24h&window=7d",
    ])
      expectProblem(await server.api("GET", path), 422, "INVALID_ARGUMENT");
  });

  test("people who leave and videos that are deleted are in no ranking", async () => {
    expect((await eve!.delete("/me", { json: { password: eve!.password } })).status).toBe(202);
    await until("what she shared is gone", async () =>
      (await Promise.all(["24h", "7d", "all"].map((window) => ranked("shared", window)))).every(
        ([first]) => first?.[1] === 2,
      ),
    );
    // What she watched counts without her name.
    await expect
      .poll(() => ranked("hot", "24h"))
      .toEqual([
        [two!.id, 3 * (2 * 12 + 3)],
        [one!.id, 3 * (12 + 4 + 8)],
      ]);
    expect((await ada!.delete(`/videos/${two!.id}`)).status).toBe(204);
    expect(await ranked("shared", "all")).toEqual([[one!.id, 1]]);
    for (const window of ["24h", "7d", "all"]) expect(await ranked("viewed", window)).toEqual([[one!.id, 2]]);
    expect(await ranked("hot", "24h")).toEqual([[one!.id, 3 * (12 + 4 + 8)]]);
  });
});

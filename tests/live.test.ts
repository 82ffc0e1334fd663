import { beforeAll, describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { connectDevice } from "./harness/realtime-device.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe.each(shapes)("what moves while it is watched, %s", (shape) => {
  const server = scenario(shape);
  const connect = (person: Person) => connectDevice(server.origin, person);
  let author: Person;
  let viewer: Person;
  let video: Schemas["Video"];
  beforeAll(async () => {
    [author, viewer] = await Promise.all([server.register(), server.register()]);
    body(await author.put(`/users/${viewer.id}/follow`), 204);
    body(await viewer.put(`/users/${author.id}/follow`), 204);
    video = await author.settled((await author.publish(freshClip(), "in view")).id);
  });
  const comment = async (who: Person, text: string) =>
    body(await who.post<Schemas["Comment"]>(`/videos/${video.id}/comments`, { json: { text } }), 201);

  test("counts and new comments of the video in view come by themselves, at most once a second", async () => {
    const device = await connect(viewer);
    const sinceMs = performance.now();
    device.tell({ type: "subscribe", videos: [video.id], comments: [video.id] });
    await until("the counts", () => device.live(video.id)[0]?.counts);
    const others = await Promise.all(Array.from({ length: 4 }, () => server.register()));
    for (const one of others) body(await one.put(`/videos/${video.id}/like`), 204);
    for (const one of others) await comment(one, `from ${one.username}`);
    await until("all of them", () => {
      const all = device.live(video.id);
      const texts = new Set(all.flatMap(({ comments = [] }) => comments.map(({ text }) => text)));
      return all.at(-1)!.counts!.likes === 4 && all.at(-1)!.counts!.comments === 4 && texts.size === 4;
    });
    const told = device.live(video.id).flatMap(({ comments = [] }) => comments);
    expect(told.map(({ id }) => id).length).toBe(new Set(told.map(({ id }) => id)).size);
    expect(told[0]!.author.avatarUrl).toMatch(/^http/);
    // Counted, since several that came while this process stood still are read at once.
    const frames = device.of("live").length;
    expect(frames).toBeLessThanOrEqual(1 + (performance.now() - sinceMs) / 1_000);
    device.tell({ type: "unsubscribe", videos: [video.id], comments: [video.id] });
    await device.heard();
    const before = device.of("live").length;
    const witness = await connect(viewer);
    witness.tell({ type: "subscribe", videos: [video.id] });
    body(await viewer.put(`/videos/${video.id}/like`), 204);
    await until("the other hears", () => witness.live(video.id).at(-1)?.counts?.likes === 5);
    expect(device.of("live")).toHaveLength(before);
  });

  test("only whose video it may be hears of it, as soon as that changes", async () => {
    const stranger = await server.register();
    const [friend, other] = [await connect(viewer), await connect(stranger)];
    for (const device of [friend, other]) device.tell({ type: "subscribe", videos: [video.id] });
    await until("both", () => friend.live(video.id)[0] && other.live(video.id)[0]);
    const show = async (visibility: string) =>
      body(await author.patch(`/videos/${video.id}`, { json: { visibility } }), 200);
    await show("friends");
    await until("the stranger hears the end", () => other.live(video.id).at(-1)?.gone);
    body(await author.put(`/videos/${video.id}/like`), 204);
    await until("the friend hears", () => friend.live(video.id).length > 1);
    expect(other.live(video.id).at(-1)).toEqual({ videoId: video.id, gone: true });
    await show("private");
    await until("nobody hears", () => friend.live(video.id).at(-1)?.gone);
    await show("public");
    await until(
      "both again",
      () => friend.live(video.id).at(-1)!.counts && other.live(video.id).at(-1)!.counts,
    );
    body(await author.put(`/users/${stranger.id}/block`), 204);
    await until("the blocked one hears the end", () => other.live(video.id).at(-1)?.gone);
  });

  test("comments of somebody with whom there is a block do not come", async () => {
    const [eve, ben] = await Promise.all([server.register(), server.register()]);
    body(await viewer.put(`/users/${eve.id}/block`), 204);
    const device = await connect(viewer);
    device.tell({ type: "subscribe", comments: [video.id] });
    await until("the counts", () => device.live(video.id)[0]);
    await comment(eve, "from eve");
    await comment(ben, "from ben");
    const texts = () =>
      device.live(video.id).flatMap(({ comments = [] }) => comments.map(({ text }) => text));
    await until("ben's", () => texts().includes("from ben"));
    expect(texts()).not.toContain("from eve");
  });

  test("the steps of the work on one's own upload come by themselves, and those of nobody else's", async () => {
    const [own, others] = [await connect(author), await connect(viewer)];
    const { id } = await author.publish(freshClip(), "to be made");
    for (const device of [own, others]) device.tell({ type: "subscribe", uploads: [id] });
    const last = await until("it is made", () => {
      const one = own.live(id).at(-1);
      return one?.state === "published" && one;
    });
    expect(last.steps).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: "processing", state: "done" })]),
    );
    await until("the other is told nothing of it", () => others.live(id).at(-1)?.gone);
    expect(others.live(id)).toEqual([{ videoId: id, gone: true }]);
  });
});

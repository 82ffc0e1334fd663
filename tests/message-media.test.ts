import { describe, expect, test } from "vitest";
import { queryOnce } from "#platform/testing/query-once.ts";
import { classicClient, ok } from "./harness/classic-client.ts";
import { clip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { friendsAt } from "./harness/friends.ts";
import { body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { phoneJpeg, png, tellsThePlace } from "./harness/pictures.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Message = Schemas["Message"];

describe.each(shapes)("pictures, cards and search in messages, %s", (shape) => {
  const server = scenario(shape);

  const write = (from: Person, to: Person, json: object) =>
    from.post<Message>(`/conversations/${to.id}/messages`, { json: { content: "", ...json } });
  const wrote = async (from: Person, to: Person, json: object) => body(await write(from, to, json), 201);
  const sendPicture = (from: Person, to: { id: string }, bytes: Uint8Array<ArrayBuffer>, query = "") =>
    from.post<Message>(`/conversations/${to.id}/pictures${query}`, { bytes });
  const picture = async (from: Person, to: Person, bytes: Uint8Array<ArrayBuffer>, query = "") =>
    body(await sendPicture(from, to, bytes, query), 201);
  const list = async (me: Person, peer: Person) =>
    body(await me.get<Page<Message>>(`/conversations/${peer.id}/messages`)).items;
  const status = async (url: string) => (await send("GET", url)).status;
  const friends = () => friendsAt(server);

  test("a picture is redrawn without what the phone wrote into it, upright, in two sizes", async () => {
    const [ada, ben] = await friends();
    const sent = await picture(ada, ben, phoneJpeg(6));
    expect(sent).toMatchObject({ content: "", picture: { width: 64, height: 96 } });
    const large = await picture(ada, ben, png(3000, 2000));
    expect(large.picture).toMatchObject({ width: 1600, height: 1067 });
    for (const { picture } of await list(ben, ada))
      for (const url of [picture!.url, picture!.smallUrl]) {
        const response = await fetch(url);
        const bytes = Buffer.from(await response.arrayBuffer());
        expect([response.status, response.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
        expect(response.headers.get("cache-control")).toBe("private, no-cache");
        for (const word of ["Exif", "GPS", "xmpmeta", tellsThePlace])
          expect(bytes.includes(word)).toBe(false);
      }
    const told = body(await ben.get<{ latest: Message; items: { latest: Message }[] }>("/conversations"));
    expect(told.items[0]!.latest.picture).toBeDefined();
    const token = ben.session.accessToken;
    const chat = await classicClient(() => server.origin).get("/message/chat/", {
      token,
      to_user_id: ada.id,
    });
    expect(ok(chat).message_list!.map(({ content }) => content)).toEqual(["[Picture]", "[Picture]"]);
  });

  test("only who may read the message loads its picture", async () => {
    const [[ada, ben], eve] = [await friends(), await server.register()];
    const { id, picture: own } = await picture(ada, ben, phoneJpeg(1));
    const [theirs] = await list(ben, ada);
    expect([await status(own!.url), await status(theirs!.picture!.url)]).toEqual([200, 200]);
    const { pathname, searchParams } = new URL(own!.url);
    expect(await status(`${server.origin}${pathname}`)).toBe(404);
    // Somebody else's name in the address, or another message, is not what was signed.
    for (const [name, value] of [
      ["viewer", eve.id],
      ["video", "1"],
    ] as const) {
      const query = new URLSearchParams(searchParams);
      query.set(name, value);
      expect(await status(`${server.origin}${pathname}?${query}`)).toBe(404);
    }
    // Removed for oneself, it is not there for oneself.
    body(await ben.delete(`/conversations/${ada.id}/messages/${id}`), 204);
    expect([await status(own!.url), await status(theirs!.picture!.url)]).toEqual([200, 404]);
    body(await ada.put(`/conversations/${ben.id}/messages/${id}/recalled`), 204);
    expect(await status(own!.url)).toBe(404);
    expect(await list(ada, ben)).toMatchObject([{ recalled: true }]);
    expect((await list(ada, ben))[0]).not.toHaveProperty("picture");
  });

  test("what is no picture, or may not be sent, is refused, and a picture sent twice is one message", async () => {
    const [[ada, ben], eve] = [await friends(), await server.register()];
    expectProblem(await sendPicture(ada, ben, clip("compliant.mp4")), 422, "NOT_A_PICTURE");
    expectProblem(await sendPicture(ada, ben, Buffer.from("<svg/>")), 422, "NOT_A_PICTURE");
    expectProblem(await sendPicture(ada, ben, clip("half.png").subarray(0, 60)), 422, "PICTURE_DAMAGED");
    expectProblem(await sendPicture(ada, { id: "9223372036854775807" }, phoneJpeg(1)), 404, "USER_NOT_FOUND");
    expectProblem(await sendPicture(ada, ada, phoneJpeg(1)), 422, "WRITES_TO_SELF");
    body(await ben.put(`/users/${eve.id}/block`), 204);
    expectProblem(await sendPicture(eve, ben, phoneJpeg(1)), 403, "BLOCKED_BY_USER");
    const bytes = phoneJpeg(1);
    const one = await picture(ada, ben, bytes, "?idempotencyKey=k");
    const two = await picture(ada, ben, bytes, "?idempotencyKey=k");
    const other = await picture(ada, ben, png(100, 100), "?idempotencyKey=k");
    expect([two.id, other.id]).toEqual([one.id, one.id]);
    expect(await list(ada, ben)).toHaveLength(1);
    expect(await status(one.picture!.url)).toBe(200);
  });

  test("of pictures a person sends so many a day, and of words more", async () => {
    const [ada, ben] = await friends();
    await picture(ada, ben, phoneJpeg(1));
    await queryOnce(
      server.deployment.databaseUrlOf("message"),
      "update message.pictures_sent set count = 500 where user_id = $1",
      [ada.id],
    );
    expectProblem(await sendPicture(ada, ben, phoneJpeg(1)), 429, "PICTURES_SENT_TOO_MANY");
    await wrote(ada, ben, { content: "words" });
    await picture(ben, ada, phoneJpeg(1));
  });

  test("what is sent on shows the same, also when the first one is taken back", async () => {
    const [[ada, ben], eve] = [await friends(), await server.register()];
    body(await ben.put(`/users/${eve.id}/follow`), 204);
    body(await eve.put(`/users/${ben.id}/follow`), 204);
    const first = await picture(ada, ben, phoneJpeg(1));
    const text = await wrote(ada, ben, { content: "pass it on" });
    const on = (message: Message) => ({ forward: { conversationId: ada.id, messageId: message.id } });
    const forwarded = await wrote(ben, eve, on(first));
    expect(await wrote(ben, eve, on(text))).toMatchObject({ content: "pass it on", forwarded: true });
    expect(forwarded).toMatchObject({ forwarded: true, picture: { width: 96, height: 64 } });
    body(await ada.put(`/conversations/${ben.id}/messages/${first.id}/recalled`), 204);
    const [shown] = await list(eve, ben);
    // The job that removes what nobody has any more leaves it.
    expect(await status(shown!.picture!.url)).toBe(200);
    expectProblem(await write(ben, eve, on(first)), 409, "MESSAGE_RECALLED");
    expectProblem(await write(eve, ben, on(text)), 404, "MESSAGE_NOT_FOUND");
    expectProblem(
      await write(eve, ben, { forward: { conversationId: ada.id, messageId: text.id } }),
      404,
      "MESSAGE_NOT_FOUND",
    );
  });

  test("a card names a video that the sender may see, and reveals nothing of it to who may not", async () => {
    const [ada, ben] = await friends();
    const { id } = await ada.publish(clip("compliant.mp4"), "Ours");
    await ada.settled(id);
    body(await ada.patch(`/videos/${id}`, { json: { visibility: "private" } }));
    expectProblem(await write(ben, ada, { videoId: id }), 404, "VIDEO_NOT_FOUND");
    const card = await wrote(ada, ben, { videoId: id });
    expect(await list(ben, ada)).toEqual([card]);
    expect(Object.keys(card).sort()).toEqual([
      "content",
      "id",
      "receiverId",
      "senderId",
      "sentAt",
      "videoId",
    ]);
    expect((await ben.get(`/videos/${id}`)).status).toBe(404);
    expect(await wrote(ada, ben, { profileId: ben.id, content: "you?" })).toMatchObject({
      profileId: ben.id,
    });
    expectProblem(await write(ada, ben, { profileId: "9223372036854775807" }), 404, "USER_NOT_FOUND");
    expectProblem(await write(ada, ben, { profileId: ben.id, videoId: id }), 422, "INVALID_ARGUMENT");
    expectProblem(await write(ada, ben, {}), 422, "MESSAGE_INVALID");
  });

  test("one finds one's own messages by two characters, and no others", async () => {
    const [[ada, ben], eve] = [await friends(), await server.register()];
    type Found = Page<{ peer: { id: string }; message: Message }>;
    const find = (me: Person, q: string, more = "") =>
      me.get<Found>(`/me/messages?q=${encodeURIComponent(q)}${more}`);
    const found = async (me: Person, q: string, more = "") => body(await find(me, q, more));
    const first = await wrote(ada, ben, { content: "今天你好吗？Über alles" });
    const second = await wrote(ben, ada, { content: "你好！ 100% sure_thing" });
    await wrote(ada, eve, { content: "你好, eve" });
    for (const me of [ada, ben])
      expect((await found(me, "你好")).items.map(({ message }) => message.content)).toContain(second.content);
    expect((await found(ben, "你好")).items).toMatchObject([
      { peer: { id: ada.id }, message: { id: second.id } },
      { peer: { id: ada.id }, message: { id: first.id } },
    ]);
    expect((await found(ada, "你好")).items).toHaveLength(3);
    const page = await found(ada, "你好", "&limit=2");
    const rest = await found(ada, "你好", `&limit=2&cursor=${page.nextCursor}`);
    expect([...page.items, ...rest.items]).toHaveLength(3);
    expect([rest.items[0]!.message.id, rest.nextCursor]).toEqual([first.id, null]);
    // As it is written, whatever it means elsewhere.
    for (const [q, count] of [
      ["OVER", 0],
      ["ALLES", 1],
      ["100%", 1],
      ["sure_", 1],
      ["%%", 0],
      ["你吗", 0],
      ["好吗？ü", 1],
    ] as const)
      expect([q, (await found(ada, q)).items.length]).toEqual([q, count]);
    body(await ben.delete(`/conversations/${ada.id}/messages/${first.id}`), 204);
    body(await ben.put(`/conversations/${ada.id}/messages/${second.id}/recalled`), 204);
    expect((await found(ben, "你好")).items).toEqual([]);
    expect((await found(ada, "你好")).items).toHaveLength(2);
    for (const q of ["", " ", "x", "你", "\u200b\u200b", "y".repeat(65)])
      expectProblem(await find(ada, q), 422, "SEARCH_INVALID");
    expectProblem(await find(ada, "x".repeat(600)), 422, "INVALID_ARGUMENT");
  });

  test("an account takes its pictures along", async () => {
    const [ada, ben] = await friends();
    const sent = await picture(ada, ben, phoneJpeg(1));
    const kept = await picture(ben, ada, phoneJpeg(1));
    body(await ada.delete("/me", { json: { password: ada.password } }), 202);
    await until("they are gone", async () => (await status(sent.picture!.url)) === 404);
    await until("and those sent to them", async () => (await status(kept.picture!.url)) === 404);
  });
});

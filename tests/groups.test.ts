import { describe, expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { shapes } from "./harness/deployment.ts";
import { befriend } from "./harness/friends.ts";
import { body, expectProblem, type Page, type Schemas } from "./harness/http-client.ts";
import { phoneJpeg } from "./harness/pictures.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Message = Schemas["Message"];
type Conversation = Schemas["Conversation"];
type Group = Schemas["Group"];
type Member = Schemas["GroupMember"];
type Link = Schemas["GroupLink"];
interface Brought {
  group: Group;
  added: string[];
  invited: string[];
  notAdded: { userId: string; reason: string }[];
}
interface Entry {
  kind: string;
  message?: Pick<
    Message,
    "id" | "senderId" | "notice" | "picture" | "reactions" | "recalled" | "entities"
  > & {
    conversationId: string;
    text: string;
  };
  invitation?: { conversationId: string };
  muted?: { conversationId: string; muted: boolean };
  read?: { conversationId: string; readerId: string; upTo: string };
}

describe.each(shapes)("groups, %s", (shape) => {
  const server = scenario(shape);

  const people = (count: number) => Promise.all(Array.from({ length: count }, () => server.register()));
  /** Ada and her friends, in a group that she made. */
  async function groupOf(count: number) {
    const [ada, ...others] = (await people(count)) as [Person, ...Person[]];
    await Promise.all(others.map((one) => befriend(ada, one)));
    const made = await create(ada, "The group", others);
    expect(made.added.sort()).toEqual(others.map(({ id }) => id).sort());
    return { ada, others, id: made.group.id };
  }
  const create = async (by: Person, name: string, others: { id: string }[], idempotencyKey?: string) => {
    const json = { name, userIds: others.map(({ id }) => id), idempotencyKey };
    return body(await by.post<Brought>("/groups", { json }), 201);
  };
  const add = (by: Person, id: string, ...others: { id: string }[]) =>
    by.post<Brought>(`/groups/${id}/members`, { json: { userIds: others.map((one) => one.id) } });
  const write = (from: Person, id: string, content: string, idempotencyKey?: string) =>
    from.post<Message>(`/conversations/${id}/messages`, { json: { content, idempotencyKey } });
  const wrote = async (from: Person, id: string, content: string, key?: string) =>
    body(await write(from, id, content, key), 201);
  type Said = Page<Message> & { people: Schemas["User"][] };
  const read = async (me: Person, id: string) => body(await me.get<Said>(`/conversations/${id}/messages`));
  /** Texts, and kinds of notices. */
  const lines = async (me: Person, id: string) =>
    (await read(me, id)).items.map(({ content, notice }) => (notice ? `*${notice.kind}` : content));
  const conversations = async (me: Person) => body(await me.get<Page<Conversation>>("/conversations")).items;
  const unread = async (me: Person) => body(await me.get<{ messages: number }>("/me/unread")).messages;
  const members = async (me: Person, id: string) =>
    body(await me.get<Page<Member>>(`/groups/${id}/members`)).items;
  const roles = async (me: Person, id: string) =>
    (await members(me, id)).map(({ user, role }) => `${user.id} ${role}`);
  const remove = (by: Person, id: string, userId: string) => by.delete(`/groups/${id}/members/${userId}`);
  const setRole = (by: Person, id: string, userId: string, role: string) =>
    by.put(`/groups/${id}/members/${userId}/role`, { json: { role } });
  const makeLink = async (by: Person, id: string, json = {}) =>
    body(await by.put<Link>(`/groups/${id}/link`, { json }));
  const join = (me: Person, { code }: { code: string }) => me.post<Group>(`/group-links/${code}/join`);

  /** What reaches a person while it happens. */
  async function listen(person: Person) {
    const socket = new WebSocket(`${server.origin.replace("http", "ws")}/api/v1/realtime`, "douya.1");
    onTestFinished(() => socket.terminate());
    const frames: { type: string; entries?: Entry[] }[] = [];
    socket.on("message", (data) => frames.push(JSON.parse(String(data))));
    socket.on("error", () => {});
    socket.on("open", () =>
      socket.send(JSON.stringify({ type: "hello", token: person.session.accessToken, device: "one" })),
    );
    await until("the welcome", () => frames.some(({ type }) => type === "welcome"));
    const entries = () => frames.flatMap((one) => one.entries ?? []);
    return {
      socket,
      entries,
      hears: (what: (entry: Entry) => unknown) => until("the entry", () => entries().find(what)),
    };
  }

  test("what one says reaches everybody, once, and counts as unread for the others", async () => {
    const { ada, others, id } = await groupOf(4);
    const [ben, cleo] = others as [Person, Person];
    const devices = await Promise.all([ada, ...others].map(listen));
    const first = await wrote(ada, id, "Hello all");
    expect(first).toMatchObject({ senderId: ada.id, receiverId: id, inGroup: true });
    await wrote(ben, id, "Hello Ada");
    for (const device of devices) {
      await device.hears(({ message }) => message?.text === "Hello Ada");
      const said = device.entries().filter(({ kind }) => kind === "message");
      expect(said.map(({ message }) => [message!.conversationId, message!.senderId, message!.text])).toEqual([
        [id, ada.id, "Hello all"],
        [id, ben.id, "Hello Ada"],
      ]);
    }
    for (const person of [ada, ...others])
      expect(await lines(person, id)).toEqual(["*created", "*added", "Hello all", "Hello Ada"]);
    const { people } = await read(cleo, id);
    expect(new Set(people.map((one) => one.id))).toEqual(new Set([ada, ...others].map((one) => one.id)));
    expect(await Promise.all([ada, ben, cleo].map(unread))).toEqual([1, 1, 2]);
    // Who is not among its faces is told of, too, where they have said the latest.
    const listing = body(await cleo.get<Page<Conversation> & Pick<Said, "people">>("/conversations"));
    expect(listing.people.map((one) => one.id)).toEqual([ben.id]);
    const [listed] = await conversations(cleo);
    expect(listed).toMatchObject({
      id,
      peer: null,
      group: { id, name: "The group", members: 4, role: "member" },
      latest: { content: "Hello Ada" },
      unread: 2,
      muted: false,
    });
    body(await cleo.put(`/conversations/${id}/read`, { json: { upTo: first.id } }), 204);
    expect(await unread(cleo)).toBe(1);
    await devices[2]!.hears(({ read }) => read?.readerId === cleo.id && read.upTo === first.id);
    const marks = new Map((await members(ada, id)).map(({ user, readUpTo }) => [user.id, readUpTo]));
    expect(marks.get(cleo.id)).toBe(first.id);
    // The classic API knows people only.
    const socket = devices[0]!.socket;
    socket.send(
      JSON.stringify({ type: "send", idempotencyKey: "k", conversationId: id, text: "by the line" }),
    );
    await devices[1]!.hears(({ message }) => message?.text === "by the line");
  });

  test("sent again with its key it is the same message, and a group made again is the same", async () => {
    const { ada, others, id } = await groupOf(2);
    const same = await Promise.all(Array.from({ length: 5 }, (_, i) => wrote(ada, id, `${i}`, "key")));
    expect(new Set(same.map((one) => `${one.id} ${one.content}`)).size).toBe(1);
    expect(await unread(others[0]!)).toBe(1);
    const made = await Promise.all([1, 2, 3].map(() => create(ada, "Once", others, "made")));
    expect(new Set(made.map(({ group }) => group.id)).size).toBe(1);
  });

  test("friends come in at once, others are asked, and nobody brings in whom a block keeps away", async () => {
    const [ada, friend, stranger, blocker, blocked] = (await people(5)) as Person[];
    await befriend(ada!, friend!);
    body(await blocker!.put(`/users/${ada!.id}/block`), 204);
    body(await ada!.put(`/users/${blocked!.id}/block`), 204);
    const device = await listen(stranger!);
    const nobody = { id: "9223372036854775807" };
    const made = await create(ada!, "Mixed", [friend!, stranger!, blocker!, blocked!, nobody, ada!]);
    const { id } = made.group;
    expect(made).toMatchObject({ added: [friend!.id], invited: [stranger!.id] });
    expect(new Map(made.notAdded.map(({ userId, reason }) => [userId, reason]))).toEqual(
      new Map([
        [blocker!.id, "BLOCKED_BY_USER"],
        [blocked!.id, "USER_BLOCKED"],
        [nobody.id, "USER_NOT_FOUND"],
      ]),
    );
    await device.hears(({ invitation }) => invitation?.conversationId === id);
    expectProblem(await write(stranger!, id, "not yet"), 404, "USER_NOT_FOUND");
    type Invited = Page<Schemas["GroupInvitation"]>;
    const invited = async () => body(await stranger!.get<Invited>("/me/group-invitations")).items;
    expect(await invited()).toMatchObject([
      { groupId: id, groupName: "Mixed", members: 2, inviter: { id: ada!.id } },
    ]);
    await wrote(ada!, id, "before");
    body(await stranger!.put(`/me/group-invitations/${id}`), 204);
    expect(await invited()).toEqual([]);
    await wrote(ada!, id, "after");
    // Who joins sees from then on.
    expect(await lines(stranger!, id)).toEqual(["*joined", "after"]);
    expect(await unread(stranger!)).toBe(1);
    expectProblem(await blocked!.put(`/me/group-invitations/${id}`), 404, "INVITATION_NOT_FOUND");
    // A block hides it.
    const later = await create(ada!, "Later", [stranger!]);
    expect(await invited()).toHaveLength(1);
    body(await stranger!.put(`/users/${ada!.id}/block`), 204);
    expect(await invited()).toEqual([]);
    const accepted = await stranger!.put(`/me/group-invitations/${later.group.id}`);
    expectProblem(accepted, 404, "INVITATION_NOT_FOUND");
    body(await stranger!.delete(`/users/${ada!.id}/block`), 204);
    // Taken back, it is gone, and given again once more it would be one too many.
    const invitation = `/groups/${later.group.id}/invitations/${stranger!.id}`;
    expectProblem(await stranger!.delete(invitation), 403, "NOT_IN_GROUP");
    // Who leads the group sees who is asked, by whom and until when.
    const given = (person: Person) =>
      person.get<Page<Schemas["GivenInvitation"]>>(`/groups/${later.group.id}/invitations`);
    expectProblem(await given(stranger!), 403, "NOT_IN_GROUP");
    const [open, ...more] = body(await given(ada!)).items;
    expect([open, more]).toMatchObject([{ user: { id: stranger!.id }, inviter: { id: ada!.id } }, []]);
    expect((Date.parse(open!.expiresAt) - Date.now()) / (24 * 3_600_000)).toBeCloseTo(30, 1);
    expect(await invited()).toHaveLength(1);
    for (const _ of [1, 2]) body(await ada!.delete(invitation), 204);
    expect(body(await given(ada!)).items).toEqual([]);
    expect(await invited()).toEqual([]);
    const reason = "INVITATIONS_TOO_MANY";
    expect(body(await add(ada!, later.group.id, stranger!)).notAdded).toEqual([
      { userId: stranger!.id, reason },
    ]);
    // Declined, it is gone.
    const other = await create(ada!, "Other", [stranger!]);
    body(await stranger!.delete(`/me/group-invitations/${other.group.id}`), 204);
    expectProblem(
      await stranger!.put(`/me/group-invitations/${other.group.id}`),
      404,
      "INVITATION_NOT_FOUND",
    );
  });

  test("a group shows newcomers its last messages if it says so", async () => {
    const { ada, id } = await groupOf(2);
    const late = await server.register();
    await befriend(ada, late);
    await wrote(ada, id, "from before");
    body(await ada.patch<Group>(`/groups/${id}`, { json: { showsLatest: true } }));
    body(await add(ada, id, late));
    expect(await lines(late, id)).toEqual(["*created", "*added", "from before", "*added"]);
    expect(await unread(late)).toBe(0);
  });

  test("who left or was removed hears nothing more and cannot write, and others see it", async () => {
    const { ada, others, id } = await groupOf(4);
    const [ben, cleo, dora] = others as [Person, Person, Person];
    await wrote(ada, id, "unread");
    const device = await listen(ben);
    body(await remove(ben, id, ben.id), 204);
    body(await remove(ben, id, ben.id), 204);
    body(await remove(ada, id, cleo.id), 204);
    await device.hears(({ message }) => message?.notice?.kind === "left");
    await wrote(ada, id, "later");
    expect(await lines(dora, id)).toEqual(["*created", "*added", "unread", "*left", "*removed", "later"]);
    for (const out of [ben, cleo]) {
      expectProblem(await write(out, id, "x"), 403, "NOT_IN_GROUP");
      expectProblem(await out.get(`/groups/${id}`), 403, "NOT_IN_GROUP");
      expectProblem(await out.get(`/groups/${id}/members`), 403, "NOT_IN_GROUP");
      expect((await read(out, id)).items).toEqual([]);
      expect(await unread(out)).toBe(0);
      expect(await conversations(out)).toEqual([]);
    }
    await device.hears(({ message }) => message?.notice?.kind === "left");
    expect(device.entries().filter(({ message }) => message?.text === "later")).toEqual([]);
    // A stranger to the group does nothing to it.
    expectProblem(await remove(ben, id, dora.id), 403, "NOT_IN_GROUP");
  });

  test("admins lead, the owner rules, and nobody acts on those above them", async () => {
    const { ada, others, id } = await groupOf(4);
    const [ben, cleo, dora] = others as [Person, Person, Person];
    const only = "GROUP_ADMINS_ONLY";
    expectProblem(await ben.patch(`/groups/${id}`, { json: { name: "Mine" } }), 403, only);
    expectProblem(await add(ben, id, dora), 403, only);
    expectProblem(await ben.put(`/groups/${id}/link`, { json: {} }), 403, only);
    expectProblem(await ben.get(`/groups/${id}/link`), 403, only);
    expectProblem(await ben.get(`/groups/${id}/invitations`), 403, only);
    expectProblem(await remove(ben, id, cleo.id), 403, only);
    expectProblem(await setRole(ben, id, cleo.id, "admin"), 403, "GROUP_OWNER_ONLY");
    body(await setRole(ada, id, ben.id, "admin"), 204);
    body(await setRole(ada, id, cleo.id, "admin"), 204);
    expectProblem(await remove(ben, id, cleo.id), 403, "GROUP_OWNER_ONLY");
    expectProblem(await remove(ben, id, ada.id), 403, "GROUP_OWNER_ONLY");
    expectProblem(await setRole(ben, id, dora.id, "owner"), 403, "GROUP_OWNER_ONLY");
    expectProblem(await setRole(ada, id, ada.id, "member"), 409, "OWNER_STAYS");
    const named = await ben.patch<Group>(`/groups/${id}`, { json: { name: "Ours", announcement: "At 8" } });
    expect(body(named)).toMatchObject({ name: "Ours", announcement: "At 8", role: "admin" });
    // Silence.
    const silence = (by: Person, whom: Person, minutes: number) =>
      by.put(`/groups/${id}/members/${whom.id}/mute`, { json: { minutes } });
    expectProblem(await silence(ben, cleo, 10), 403, "GROUP_OWNER_ONLY");
    body(await silence(ben, dora, 10), 204);
    expectProblem(await write(dora, id, "x"), 403, "MUTED_IN_GROUP");
    expect(body(await dora.get<Group>(`/groups/${id}`)).silentUntil).not.toBeNull();
    body(await silence(ben, dora, 0), 204);
    await wrote(dora, id, "again");
    // Handing over, also said twice.
    for (const _ of [1, 2]) body(await setRole(ada, id, cleo.id, "owner"), 204);
    expect(await roles(ada, id)).toEqual([
      `${cleo.id} owner`,
      ...[`${ada.id} admin`, `${ben.id} admin`],
      `${dora.id} member`,
    ]);
    // An owner who leaves hands over to the admin who came first.
    body(await remove(cleo, id, cleo.id), 204);
    expect((await roles(ada, id))[0]).toBe(`${ada.id} owner`);
    body(await remove(ada, id, ada.id), 204);
    expect(await roles(ben, id)).toEqual([`${ben.id} owner`, `${dora.id} member`]);
    body(await remove(ben, id, ben.id), 204);
    expect(await roles(dora, id)).toEqual([`${dora.id} owner`]);
    body(await remove(dora, id, dora.id), 204);
    expectProblem(await write(dora, id, "nobody is here"), 404, "USER_NOT_FOUND");
  });

  test("a link lets in as many as it says, until it ends, and nobody who was removed", async () => {
    const { ada, others, id } = await groupOf(2);
    const [one, two, three] = (await people(3)) as [Person, Person, Person];
    const link = await makeLink(ada, id, { maxUses: 2, hours: 1 });
    expect(new URL(link.url).pathname).toBe(`/g/${link.code}`);
    const shown = await server.api<{ name: string }>("GET", `/group-links/${link.code}`);
    expect(body(shown)).toMatchObject({ name: "The group", members: 2, joined: false });
    const came = await Promise.all([one, two, three].map((person) => join(person, link)));
    expect(came.map(({ status }) => status).sort()).toEqual([200, 200, 404]);
    // Again by somebody who is in it: no further use, and no refusal.
    const inside = [one, two, three].find((_, i) => came[i]!.status === 200)!;
    body(await join(inside, link));
    const last = [one, two, three].find((_, i) => came[i]!.status === 404)!;
    const next = await makeLink(ada, id);
    expectProblem(await join(last, link), 404, "LINK_NOT_FOUND");
    body(await join(last, next));
    body(await remove(ada, id, last.id), 204);
    expectProblem(await join(last, next), 403, "REMOVED_FROM_GROUP");
    await befriend(ada, last);
    body(await add(ada, id, last));
    await wrote(last, id, "back");
    const current = body(await ada.get<{ link: Link | null }>(`/groups/${id}/link`)).link;
    expect(current).toMatchObject({ code: next.code, maker: { id: ada.id } });
    body(await ada.delete(`/groups/${id}/link`), 204);
    expect(body(await ada.get<{ link: Link | null }>(`/groups/${id}/link`)).link).toBeNull();
    expectProblem(await join(await server.register(), next), 404, "LINK_NOT_FOUND");
    expectProblem(await join(others[0]!, { code: "no-such-code" }), 404, "LINK_NOT_FOUND");
  });

  test("what is said in a muted conversation is not counted, in a group and between two", async () => {
    const { ada, others, id } = await groupOf(2);
    const [ben] = others as [Person];
    const device = await listen(ben);
    for (const [peer, from] of [
      [id, id],
      [ada.id, ben.id],
    ] as const) {
      await wrote(ada, from, "one");
      const before = await unread(ben);
      for (const _ of [1, 2]) body(await ben.put(`/conversations/${peer}/mute`), 204);
      expect(await unread(ben)).toBe(before - 1);
      await device.hears(({ muted }) => muted?.conversationId === peer && muted.muted);
      await wrote(ada, from, "two");
      expect(await unread(ben)).toBe(before - 1);
      expect((await conversations(ben)).find((one) => one.id === peer)).toMatchObject({
        unread: 2,
        muted: true,
      });
      body(await ben.delete(`/conversations/${peer}/mute`), 204);
      expect(await unread(ben)).toBe(before + 1);
    }
    expectProblem(await ben.put("/conversations/9223372036854775807/mute"), 404, "NOT_FOUND");
  });

  test("who is mentioned is told so, also where the group is muted, and who writes is told to others", async () => {
    const { ada, others, id } = await groupOf(3);
    const [ben, cleo] = others as [Person, Person];
    for (const one of [ben, cleo]) body(await one.put(`/conversations/${id}/mute`), 204);
    const device = await listen(cleo);
    const text = `hi @${ben.username}, @${cleo.username}x and #topic`;
    const sent = await wrote(ada, id, text);
    const entities = [
      { kind: "mention", start: 3, end: 4 + ben.username.length, name: ben.username, userId: ben.id },
    ];
    expect(sent).toMatchObject({ entities });
    expect((await read(cleo, id)).items.at(-1)).toMatchObject({ entities });
    expect((await device.hears(({ message }) => message?.id === sent.id)).message).toMatchObject({
      entities,
    });
    expect([await unread(ben), await unread(cleo)]).toEqual([1, 0]);
    const seen = async (me: Person) => (await conversations(me)).find((one) => one.id === id);
    expect(await seen(ben)).toMatchObject({ mentions: 1, unread: 1, muted: true });
    expect(await seen(cleo)).toMatchObject({ mentions: 0, unread: 1, muted: true });
    body(await ben.put(`/conversations/${id}/read`, { json: { upTo: sent.id } }), 204);
    expect(await unread(ben)).toBe(0);
    expect(await seen(ben)).toMatchObject({ mentions: 0 });
    // Somebody who blocks the author is not mentioned.
    body(await ben.put(`/users/${ada.id}/block`), 204);
    expect((await wrote(ada, id, text)).entities).toBeUndefined();
    // A picture to nobody is not drawn; this one, without what it shows, cannot be.
    const jpeg = phoneJpeg(1);
    const bytes = jpeg.subarray(0, Buffer.from(jpeg).indexOf(Buffer.from([0xff, 0xda])));
    const picture = (to: string) => ada.post(`/conversations/${to}/pictures`, { bytes });
    expectProblem(await picture("9223372036854775807"), 404, "USER_NOT_FOUND");
    expect((await picture(id)).status).toBe(422);
  });

  test("one answers, reacts, takes back, removes, shows and finds in a group as between two", async () => {
    const { ada, others, id } = await groupOf(3);
    const [ben, cleo] = others as [Person, Person];
    const dora = await server.register();
    const first = await wrote(ada, id, "who brings the sauce?");
    const path = `/conversations/${id}/messages/${first.id}`;
    const sent = await ben.post<Message>(`/conversations/${id}/pictures?replyTo=${first.id}`, {
      bytes: phoneJpeg(1),
    });
    const shown = body(sent, 201);
    expect(shown).toMatchObject({ inGroup: true, replyTo: { id: first.id, senderId: ada.id } });
    const device = await listen(cleo);
    body(await ben.put(`${path}/reactions/${encodeURIComponent("👍")}`), 204);
    const { message } = await device.hears(({ kind }) => kind === "changed");
    const reactions = [{ emoji: "👍", count: 1, own: false }];
    expect(message).toMatchObject({ id: first.id, conversationId: id, senderId: ada.id, reactions });
    type Found = Page<Schemas["FoundMessage"]>;
    const found = async (me: Person) => body(await me.get<Found>("/me/messages?q=sauce")).items;
    expect(await found(cleo)).toMatchObject([
      {
        ...{ conversationId: id, peer: null, group: { id, name: "The group" } },
        ...{ sender: { id: ada.id }, message: { id: first.id } },
      },
    ]);
    const pictureOf = async (me: Person) => (await read(me, id)).items.at(-1)!.picture!.url;
    const url = await pictureOf(cleo);
    expect((await fetch(url)).status).toBe(200);
    // Who comes now is shown nothing of before.
    body(await add(ada, id, dora));
    body(await dora.put(`/me/group-invitations/${id}`), 204);
    expectProblem(await dora.put(`${path}/reactions/${encodeURIComponent("👍")}`), 404, "MESSAGE_NOT_FOUND");
    expect(await found(dora)).toEqual([]);
    body(await cleo.delete(path), 204);
    expect(await lines(cleo, id)).not.toContain("who brings the sauce?");
    expect(await unread(cleo)).toBe(1);
    body(await remove(cleo, id, cleo.id), 204);
    expect((await fetch(url)).status).toBe(404);
    body(await ada.put(`${path}/recalled`), 204);
    expect((await read(ben, id)).items.find((one) => one.id === first.id)).toMatchObject({
      ...{ content: "", recalled: true },
    });
  });

  test("bad input is refused by name and changes nothing", async () => {
    const { ada, id } = await groupOf(2);
    const named = (name: string) => ada.post("/groups", { json: { name } });
    for (const name of ["", " \u200b ", "x".repeat(41), "a\nb", "a\u202eb", "a\u0000b"])
      expectProblem(await named(name), 422, "GROUP_NAME_INVALID");
    expectProblem(await named("x".repeat(400)), 422, "INVALID_ARGUMENT");
    const many = Array.from({ length: 1_000 }, (_, i) => `${i + 1}`);
    expectProblem(await ada.post("/groups", { json: { name: "Large", userIds: many } }), 409, "GROUP_FULL");
    const more = { json: { name: "Large", userIds: [...many, "1001"] } };
    expectProblem(await ada.post("/groups", more), 422, "INVALID_ARGUMENT");
    const patch = (json: object) => ada.patch(`/groups/${id}`, { json });
    expectProblem(await patch({ announcement: "x".repeat(501) }), 422, "ANNOUNCEMENT_INVALID");
    expectProblem(
      await patch({ announcement: "\n".repeat(10) + "x\n".repeat(30) }),
      422,
      "ANNOUNCEMENT_INVALID",
    );
    expectProblem(await patch({ owner: "x" }), 422, "INVALID_ARGUMENT");
    expectProblem(await setRole(ada, id, ada.id, "king"), 422, "INVALID_ARGUMENT");
    expectProblem(await setRole(ada, id, "9223372036854775807", "admin"), 404, "MEMBER_NOT_FOUND");
    for (const json of [{ maxUses: 0 }, { maxUses: 1_001 }, { hours: 721 }, { hours: 0.5 }])
      expectProblem(await ada.put(`/groups/${id}/link`, { json }), 422, "INVALID_ARGUMENT");
    expectProblem(await ada.get("/groups/x"), 422, "INVALID_ARGUMENT");
    expectProblem(await ada.get("/groups/9223372036854775807"), 403, "NOT_IN_GROUP");
    for (const list of [
      `/groups/${id}/members?`,
      "/me/group-invitations?",
      "/conversations?",
      "/me/messages?q=hi&",
    ])
      expectProblem(await ada.get(`${list}cursor=x`), 422, "CURSOR_INVALID");
    expectProblem(await write(ada, id, "x".repeat(2001)), 422, "MESSAGE_INVALID");
    expectProblem(await server.api("GET", `/groups/${id}`), 401, "LOGIN_REQUIRED");
    expect(await lines(ada, id)).toEqual(["*created", "*added"]);
  });

  test("the members of a large group come in pages, each once", async () => {
    const { ada, others, id } = await groupOf(6);
    const seen: string[] = [];
    let cursor: string | null = "";
    do {
      const query: string = `?limit=2${cursor && `&cursor=${cursor}`}`;
      const page = body(await ada.get<Page<Member>>(`/groups/${id}/members${query}`));
      seen.push(...page.items.map(({ user }) => user.id));
      cursor = page.nextCursor;
    } while (cursor);
    expect(seen[0]).toBe(ada.id);
    expect([...seen].sort()).toEqual([ada, ...others].map((one) => one.id).sort());
  });
});

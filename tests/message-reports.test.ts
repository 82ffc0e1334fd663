import { beforeAll, describe, expect, test } from "vitest";
import { shapes } from "./harness/deployment.ts";
import { friendsAt } from "./harness/friends.ts";
import { body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { moderatorAt, setRole } from "./harness/moderator.ts";
import { phoneJpeg } from "./harness/pictures.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Message = Schemas["Message"];
interface Waiting {
  owner: { id: string } | null;
  reports: unknown;
  texts: string[];
  messages: { text: string; reported: boolean; shown?: { url: string; smallUrl: string } }[];
}

describe.each(shapes)("reported messages, %s", (shape) => {
  const server = scenario(shape);
  let mo: Person;

  beforeAll(async () => {
    mo = await moderatorAt(server);
  });

  const friends = () => friendsAt(server);
  const write = async (from: Person, to: string, content: string) =>
    body(await from.post<Message>(`/conversations/${to}/messages`, { json: { content } }), 201);
  const report = (
    person: Person,
    conversationId: string,
    messageId: string,
    json: unknown = { reason: "abuse" },
  ) => person.post(`/conversations/${conversationId}/messages/${messageId}/report`, { json });
  const queue = async (moderator = mo) =>
    body(await moderator.get<Page<Waiting>>("/moderation/queue?kind=message&limit=50")).items;
  const waitingOf = async (person: Person) => (await queue()).filter(({ owner }) => owner?.id === person.id);
  const dismiss = async (id: string) =>
    body(await mo.post("/moderation/acts", { json: { act: "dismiss", subject: { kind: "message", id } } }));

  test("moderators see one with the five before and after it as the reporter sees them, until they have judged it", async () => {
    const [ada, ben] = await friends();
    const said = [];
    for (let i = 0; i < 8; i++)
      said.push(await write(i % 2 ? ada : ben, i % 2 ? ben.id : ada.id, `line ${i}`));
    const rude = await write(ben, ada.id, "something rude");
    const hidden = said[6]!;
    body(await ada.delete(`/conversations/${ben.id}/messages/${hidden.id}`), 204);
    await write(ben, ada.id, "and what came later");
    for (const text of ["look at this", "the first stands"])
      body(await report(ada, ben.id, rude.id, { reason: "abuse", text }), 204);
    // What is taken back later was said nevertheless.
    body(await ben.put(`/conversations/${ada.id}/messages/${rude.id}/recalled`), 204);
    const [one, ...others] = await waitingOf(ben);
    expect(others).toEqual([]);
    expect(one).toMatchObject({
      ...{ reports: [{ reason: "abuse", count: 1 }], texts: ["look at this"] },
      messages: [2, 3, 4, 5, 7]
        .map((i) => ({ text: `line ${i}`, sender: { id: i % 2 ? ada.id : ben.id } }))
        .map((line) => ({ ...line, reported: false }))
        .concat([
          { text: "something rude", sender: { id: ben.id }, reported: true },
          { text: "and what came later", sender: { id: ben.id }, reported: false },
        ]),
    });
    await dismiss(rude.id);
    expect(await waitingOf(ben)).toEqual([]);
    expectProblem(await report(ada, ben.id, rude.id), 409, "MESSAGE_RECALLED");
    const json = { act: "dismiss", subject: { kind: "message", id: "1" } };
    expectProblem(await mo.post("/moderation/acts", { json }), 404, "MESSAGE_NOT_FOUND");
  });

  test("only a moderator sees the picture of a reported message, also when it was taken back, until it is judged", async () => {
    const [ada, ben] = await friends();
    const sent = body(
      await ben.post<Message>(`/conversations/${ada.id}/pictures`, { bytes: phoneJpeg(1) }),
      201,
    );
    const seen = body(await ada.get<Page<Message>>(`/conversations/${ben.id}/messages`)).items[0]!;
    body(await report(ada, ben.id, sent.id), 204);
    body(await ben.put(`/conversations/${ada.id}/messages/${sent.id}/recalled`), 204);
    const [one] = await waitingOf(ben);
    const { shown } = one!.messages[0]!;
    expect(shown).toMatchObject({ width: 96, height: 64 });
    const status = async (url: string) => (await send("GET", url)).status;
    expect(await Promise.all([shown!.url, shown!.smallUrl].map(status))).toEqual([200, 200]);
    expect(await Promise.all([sent.picture!.url, seen.picture!.url].map(status))).toEqual([404, 404]);
    const former = await moderatorAt(server);
    const theirs = (await queue(former)).at(-1)!;
    const { url } = theirs.messages[0]!.shown!;
    expect(await status(url)).toBe(200);
    await setRole(server, former, "member");
    expect(await status(url)).toBe(404);
    await dismiss(sent.id);
    expect(await status(shown!.url)).toBe(404);
  });

  test("one reports what others have written, where one is", async () => {
    const [ada, ben] = await friends();
    const json = { name: "The group", userIds: [ben.id] };
    const { group } = body(await ada.post<{ group: Schemas["Group"] }>("/groups", { json }), 201);
    const inGroup = await write(ben, group.id, "in the group");
    const own = await write(ada, ben.id, "mine");
    const theirs = await write(ben, ada.id, "theirs");
    const eve = await server.register();
    expectProblem(await report(ada, ben.id, own.id), 422, "REPORTS_OWN");
    expectProblem(await report(eve, ben.id, theirs.id), 404, "MESSAGE_NOT_FOUND");
    expectProblem(await report(eve, group.id, inGroup.id), 404, "MESSAGE_NOT_FOUND");
    expectProblem(await report(ada, ben.id, inGroup.id), 404, "MESSAGE_NOT_FOUND");
    const long = { reason: "spam", text: "x".repeat(201) };
    expectProblem(await report(ada, ben.id, theirs.id, long), 422, "REPORT_INVALID");
    expectProblem(await report(ada, ben.id, theirs.id, { reason: "dull" }), 422, "INVALID_ARGUMENT");
    expect(await waitingOf(ben)).toEqual([]);
    body(await report(ada, group.id, inGroup.id, { reason: "spam" }), 204);
    expect(await waitingOf(ben)).toMatchObject([
      { reports: [{ reason: "spam", count: 1 }], texts: [], messages: [{ text: "in the group" }] },
    ]);
  });

  test("nothing is kept of people who are deleted", async () => {
    const [ada, ben] = await friends();
    const { id } = await write(ben, ada.id, "soon gone");
    body(await report(ada, ben.id, id), 204);
    expect(await waitingOf(ben)).toHaveLength(1);
    body(await ben.delete("/me", { json: { password: ben.password } }), 202);
    await until("it is gone", async () => (await waitingOf(ben)).length === 0);
  });
});

import type { Random } from "#platform/testing/random.ts";
import type { Answer, Page, Schemas, SendOptions } from "../harness/http-client.ts";
import type { Person } from "../harness/scenario.ts";
import { impossibleReads } from "./counter-bounds.ts";
import { History, type Operation, Traffic } from "./history.ts";
import { notLinearizable } from "./linearizable.ts";

/** A conversation's first page has them all. */
const messagesPerConversation = 45;
const pauseMs = 5;

/**
 * Clients that write and read profiles (registers), follows and messages (sets) and likes (counters) at random, each one
 * thing after the other. Afterwards `violations` says what no order of these operations explains.
 */
export function workload(options: {
  people: Person[];
  /** Those who are in it are friends of each other. */
  friends: Person[];
  videoIds: string[];
  random: Random;
  /** A request as a guest, through any of the gateways. */
  guest<T>(method: string, path: string, sent?: SendOptions): Promise<Answer<T>>;
}) {
  const { people, friends, videoIds, random, guest } = options;
  const traffic = new Traffic();
  const profiles = new History<string>(traffic);
  const follows = new History<boolean>(traffic);
  const messages = new History<boolean>(traffic);
  const likes = new History<boolean>(traffic);
  const counts = new History<number>(traffic);
  const sent = new Map<string, string[]>();
  const twice = new Set<string>();
  let texts = 0;

  async function writeProfile(me: Person): Promise<void> {
    const signature = `signature ${++texts}`;
    await profiles.write(me.id, signature, () => me.patch("/me", { json: { signature } }));
  }
  async function readProfile({ id } = random.of(people)): Promise<void> {
    await profiles.read(
      () => guest<Schemas["User"]>("GET", `/users/${id}`),
      ({ signature }) => [[id, signature]],
    );
  }

  async function follow(me: Person): Promise<void> {
    const other = random.of(people);
    // Friends stay friends, so that they may write to each other.
    if (other === me || (friends.includes(me) && friends.includes(other))) return;
    const key = `${me.id} ${other.id}`;
    const path = `/users/${other.id}/follow`;
    const value = random.chance(0.6);
    if (random.chance(0.5)) await follows.write(key, value, () => (value ? me.put(path) : me.delete(path)));
    else await readFollow(me, other);
  }
  async function readFollow(me: Person, other: Person): Promise<void> {
    await follows.read(
      () => me.get<Schemas["User"]>(`/users/${other.id}`),
      ({ followed }) => [[`${me.id} ${other.id}`, followed ?? false]],
    );
  }

  async function message(me: Person): Promise<void> {
    const other = random.of(friends);
    if (other === me || !friends.includes(me)) return;
    const pair = [me.id, other.id].sort().join(" ");
    const texts = sent.get(pair) ?? [];
    sent.set(pair, texts);
    if (texts.length < messagesPerConversation && random.chance(0.5)) {
      const content = `${pair} ${texts.length}`;
      texts.push(content);
      const json = { content, idempotencyKey: content.replaceAll(" ", "-") };
      await messages.write(content, true, () => me.post(`/conversations/${other.id}/messages`, { json }));
    } else await readMessages(me, other);
  }
  async function readMessages(me: Person, other: Person): Promise<void> {
    const pair = [me.id, other.id].sort().join(" ");
    const called = [...(sent.get(pair) ?? [])];
    await messages.read(
      () => me.get<Page<Schemas["Message"]>>(`/conversations/${other.id}/messages?limit=50`),
      ({ items }) => {
        const seen = new Set(items.map(({ content }) => content));
        if (seen.size < items.length) twice.add(pair);
        return called.map((content) => [content, seen.has(content)] as const);
      },
    );
  }

  async function like(me: Person): Promise<void> {
    const id = random.of(videoIds);
    const value = random.chance(0.6);
    const path = `/videos/${id}/like`;
    await likes.write(`${id} ${me.id}`, value, () => (value ? me.put(path) : me.delete(path)));
  }
  async function readCount(id = random.of(videoIds)): Promise<void> {
    await counts.read(
      () => guest<Schemas["Video"]>("GET", `/videos/${id}`),
      (video) => [[id, video.counts.likes]],
    );
  }

  async function actAs(me: Person, goesOn: () => boolean): Promise<void> {
    while (goesOn()) {
      const readAny = () => (random.chance(0.5) ? readProfile() : readCount());
      await random.of([writeProfile, readAny, readAny, follow, follow, message, message, like])(me);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  function violations(): string[] {
    const found: string[] = [];
    const registers: [string, Map<string, Operation<unknown>[]>, unknown][] = [
      ["profile", profiles.byKey, ""],
      ["follow", follows.byKey, false],
      ["message", messages.byKey, false],
    ];
    for (const [what, byKey, initial] of registers) {
      for (const [key, operations] of byKey) {
        const problem = notLinearizable(operations, initial);
        if (problem) found.push(`${what} ${key}: ${problem}`);
      }
    }
    for (const [id, reads] of counts.byKey) {
      const members = people.map((me) => likes.byKey.get(`${id} ${me.id}`) ?? []);
      for (const problem of impossibleReads(reads, members)) found.push(`likes of ${id}: ${problem}`);
    }
    return found;
  }

  return {
    traffic,
    act: (goesOn: () => boolean) => Promise.all(people.map((me) => actAs(me, goesOn))),
    acknowledged: () =>
      [profiles, follows, messages, likes, counts].reduce((sum, { acknowledged }) => sum + acknowledged, 0),
    unknown: () => [profiles, follows, messages, likes].reduce((sum, { unknown }) => sum + unknown, 0),
    /** What no order of the operations explains so far. */
    violations,
    /** Of what every write was refused, so that nothing was checked. */
    unwritten: () =>
      Object.entries({ profiles, follows, messages, likes }).flatMap(([what, history]) =>
        history.isWritten() ? [] : [what],
      ),
    /** Conversations in which a message was seen twice. */
    doubled: () => [...twice],
    /** Reads every key once, when all is well again: what is missing now is lost. */
    async readAll(): Promise<void> {
      for (const me of people) {
        await readProfile(me);
        for (const other of people) {
          if (other === me) continue;
          if (friends.includes(me) && friends.includes(other)) await readMessages(me, other);
          else await readFollow(me, other);
        }
      }
      for (const id of videoIds) await readCount(id);
    },
  };
}

import { setTimeout as delay } from "node:timers/promises";
import { patienceMs } from "#platform/testing/patience.ts";
import type { Random } from "#platform/testing/random.ts";
import { type classicClient, videosOf } from "./classic-client.ts";
import { freshClip } from "./clips.ts";
import type { Answer, Schemas } from "./http-client.ts";
import type { Person, Scenario } from "./scenario.ts";
import { nowAndThenMs } from "./within.ts";

/** The possible values of something: one once the server has answered, several before. */
export type Possible<T> = Set<T>;

/** Something a person wrote and got an id for. */
export interface Written {
  id: string;
  /** The video or the person that it was written to. */
  to: string;
  by: string;
  text: string;
  rootId: string | null;
  gone: Possible<boolean>;
}

/** Everything that a crowd has done, as the server acknowledged it. */
interface Memory {
  /** By `${follower} ${followee}`. */
  follows: Map<string, Possible<boolean>>;
  /** By `${blocker} ${blocked}`. */
  blocks: Map<string, Possible<boolean>>;
  /** Pairs whose follows depend on the order, since one blocked the other. */
  contested: Set<string>;
  /** By `${video} ${person}`: 1 likes, -1 dislikes, 0 neither. */
  reactions: Map<string, Possible<number>>;
  /** By `${mark} ${video} ${person}`. */
  marks: Map<string, Possible<boolean>>;
  comments: Written[];
  messages: Written[];
  /** Published, by id. */
  videos: Map<string, { authorId: string; gone: Possible<boolean> }>;
  /** What a request right after an action wrongly saw. */
  stale: string[];
  acknowledged: number;
  unanswered: number;
}

const pauseMs = 25;
export const marks = ["bookmark", "repost", "share"] as const;

/**
 * People who act at random, each one thing after the other and all of them at once, while the server may be killed at
 * any moment. A person without an answer tries again or gives up, as people do.
 */
export function crowd(
  people: Person[],
  classic: ReturnType<typeof classicClient>,
  { of: one, chance }: Pick<Random, "of" | "chance">,
) {
  const memory: Memory = {
    follows: new Map(),
    blocks: new Map(),
    contested: new Set(),
    reactions: new Map(),
    marks: new Map(),
    comments: [],
    messages: [],
    videos: new Map(),
    stale: [],
    acknowledged: 0,
    unanswered: 0,
  };

  let lastTrouble: unknown;
  /** One request; undefined if its outcome is unknown. */
  async function ask<T>(send: () => Promise<Answer<T>>): Promise<Answer<T> | undefined> {
    const answer = await send().catch((error: unknown) => {
      lastTrouble = error;
      return undefined;
    });
    // BUSY is no answer either: one retries.
    if (answer && answer.status < 500 && answer.status !== 429) {
      if (answer.status < 300) memory.acknowledged++;
      return answer;
    }
    if (answer) lastTrouble = `${answer.status} ${answer.text}`;
    memory.unanswered++;
    await delay(pauseMs);
    return undefined;
  }
  /** Retries until there is an answer; only for idempotent requests. */
  async function insist<T>(send: () => Promise<Answer<T>>): Promise<Answer<T>> {
    for (const untilMs = Date.now() + patienceMs; Date.now() < untilMs; ) {
      const answer = await ask(send);
      if (answer) return answer;
    }
    throw new Error(`no answer in ${patienceMs} ms, at last: ${lastTrouble}`);
  }
  /** Records the outcome of a request for `value`, and returns whether it is certain. */
  async function attempt<T>(
    possible: Possible<T>,
    value: T,
    send: () => Promise<Answer<unknown>>,
    refusals: number[] = [],
  ): Promise<boolean> {
    let answer = await ask(send);
    if (!answer) {
      possible.add(value);
      if (chance(0.5)) return false;
      answer = await insist(send);
    }
    if (refusals.includes(answer.status)) return false;
    if (answer.status !== 204) throw new Error(`${answer.status} ${answer.text}`);
    possible.clear();
    possible.add(value);
    return true;
  }
  function of<T>(map: Map<string, Possible<T>>, key: string, before: T): Possible<T> {
    const possible = map.get(key) ?? new Set([before]);
    map.set(key, possible);
    return possible;
  }

  async function follow(me: Person): Promise<void> {
    const other = one(people);
    if (other === me) return;
    const value = chance(0.7);
    const path = `/users/${other.id}/follow`;
    const possible = of(memory.follows, `${me.id} ${other.id}`, false);
    const sure = await attempt(possible, value, () => (value ? me.put(path) : me.delete(path)), [403]);
    if (!sure || chance(0.7)) return;
    const seen = await ask(() => me.get<Schemas["User"]>(`/users/${other.id}`));
    if (complete(seen) && seen.body.followed !== value && !memory.contested.has(`${me.id} ${other.id}`))
      memory.stale.push(`${me.id} follows ${other.id}: ${!value} after ${value} was acknowledged`);
  }

  async function block(me: Person): Promise<void> {
    const other = one(people);
    if (other === me) return;
    const value = chance(0.7);
    const path = `/users/${other.id}/block`;
    memory.contested.add(`${me.id} ${other.id}`).add(`${other.id} ${me.id}`);
    const possible = of(memory.blocks, `${me.id} ${other.id}`, false);
    await attempt(possible, value, () => (value ? me.put(path) : me.delete(path)));
  }

  async function react(me: Person): Promise<void> {
    const [videoId] = one([...memory.videos]);
    const kind = chance(0.8) ? "like" : "dislike";
    const possible = of(memory.reactions, `${videoId} ${me.id}`, 0);
    const now = kind === "like" ? 1 : -1;
    const path = `/videos/${videoId}/${kind}`;
    // There may have been nothing to withdraw: then the state is unchanged.
    if (chance(0.3)) {
      const left = new Set([...possible].map((was) => (was === now ? 0 : was)));
      const answer = await ask(() => me.delete(path));
      if (answer?.status !== 204) for (const value of left) possible.add(value);
      else {
        possible.clear();
        for (const value of left) possible.add(value);
      }
      return;
    }
    const sure = await attempt(possible, now, () => me.put(path), [403, 404]);
    if (!sure || chance(0.7)) return;
    const note = (seen: unknown, where: string) => {
      // A video that is being deleted takes its reactions with it.
      if (memory.videos.get(videoId)!.gone.has(true)) return;
      memory.stale.push(`${me.id} on ${videoId}: ${seen} in ${where} after ${kind} was acknowledged`);
    };
    if (chance(0.5)) {
      const seen = await ask(() => me.get<Schemas["Video"]>(`/videos/${videoId}`));
      if (complete(seen) && seen.body.reaction !== kind) note(seen.body.reaction, "the video");
    } else {
      const seen = await ask(() => classic.get("/feed/", { token: me.session.accessToken }));
      const shown = complete(seen) ? videosOf(seen).find(({ key }) => key === videoId) : undefined;
      if (shown && shown.is_favorite !== (kind === "like")) note(shown.is_favorite, "the feed");
    }
  }

  /** Keeps, reposts or shares a video; shares are never taken back. */
  async function mark(me: Person): Promise<void> {
    const [videoId] = one([...memory.videos]);
    const what = one(marks);
    const value = what === "share" || chance(0.7);
    const possible = of(memory.marks, `${what} ${videoId} ${me.id}`, false);
    const path = `/videos/${videoId}/${what}`;
    if (what !== "share")
      await attempt(possible, value, () => (value ? me.put(path) : me.delete(path)), [403, 404, 422]);
    else if ((await ask(() => me.post(`${path}s`)))?.status === 201) possible.clear();
    if (what === "share") possible.add(true);
  }

  let texts = 0;
  async function comment(me: Person): Promise<void> {
    const [videoId] = one([...memory.videos]);
    const text = `comment-${++texts}`;
    const json = { text, idempotencyKey: text };
    const root = chance(0.5)
      ? memory.comments.findLast((other) => other.to === videoId && !other.rootId)
      : undefined;
    const path = root ? `/videos/${videoId}/comments/${root.id}/replies` : `/videos/${videoId}/comments`;
    const answer = await insist(() => me.post<Schemas["Comment"]>(path, { json }));
    if (answer.status === 404 || answer.status === 403) return;
    if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
    const { id, rootId } = answer.body;
    memory.comments.push({ id, to: videoId, by: me.id, text, rootId, gone: new Set([false]) });
  }
  async function takeBack(me: Person): Promise<void> {
    const mine = memory.comments.findLast((other) => other.by === me.id && !other.gone.has(true));
    if (!mine) return;
    await attempt(mine.gone, true, () => me.delete(`/videos/${mine.to}/comments/${mine.id}`), [404]);
  }

  async function write(me: Person): Promise<void> {
    const other = one(people);
    if (other === me) return;
    const content = `message-${++texts}`;
    const json = { content, idempotencyKey: content };
    const answer = await insist(() =>
      me.post<Schemas["Message"]>(`/conversations/${other.id}/messages`, { json }),
    );
    if (answer.status === 403) return;
    if (answer.status !== 201) throw new Error(`${answer.status} ${answer.text}`);
    const { id } = answer.body;
    memory.messages.push({
      id,
      to: other.id,
      by: me.id,
      text: content,
      rootId: null,
      gone: new Set([false]),
    });
  }
  async function read(me: Person): Promise<void> {
    const conversations = await ask(() =>
      me.get<{ items: Schemas["Conversation"][] }>("/conversations?limit=5"),
    );
    const latest =
      conversations?.status === 200 ? conversations.body.items.find((item) => item.unread > 0) : undefined;
    if (!latest) return;
    await ask(() => me.put(`/conversations/${latest.id}/read`, { json: { upTo: latest.latest.id } }));
  }

  /** In the proportions in which people act. */
  const habits = [
    ...Array.from({ length: 6 }, () => [follow, react]).flat(),
    ...Array.from({ length: 3 }, () => [comment, write, mark]).flat(),
    takeBack,
    read,
    block,
  ];

  return {
    memory,
    /** Uploads a video and waits until it is public. */
    async publish(author: Person): Promise<void> {
      const file = freshClip();
      const upload = await insist(() => author.upload(file));
      if (upload.status !== 201) throw new Error(`${upload.status} ${upload.text}`);
      const json = { uploadId: upload.body.id, title: "from the crowd" };
      const video = await insist(() => author.post<Schemas["Video"]>("/videos", { json }));
      if (video.status !== 201) throw new Error(`${video.status} ${video.text}`);
      for (const untilMs = Date.now() + patienceMs; ; await delay(nowAndThenMs)) {
        const seen = await insist(() => author.get<Schemas["Video"]>(`/videos/${video.body.id}`));
        if (seen.body.state === "published") break;
        if (seen.body.state === "failed" || Date.now() > untilMs) throw new Error(seen.text);
      }
      memory.videos.set(video.body.id, { authorId: author.id, gone: new Set([false]) });
    },
    async unpublish(author: Person): Promise<void> {
      const [id, video] = [...memory.videos].find(([, { authorId }]) => authorId === author.id)!;
      // From before the request: others may see the outcome before the answer has arrived.
      video.gone.add(true);
      let sent = 0;
      const answer = await insist(() => {
        sent++;
        return author.delete(`/videos/${id}`);
      });
      // Not found: one that got no answer has deleted it.
      const deleted = answer.status === 204 || (answer.status === 404 && sent > 1);
      if (!deleted) throw new Error(`${answer.status} ${answer.text}`);
      video.gone.clear();
      video.gone.add(true);
    },
    /** Everybody acts as long as `go` returns true, and rests after each act for as long as `restMs` says. */
    async act(go: () => boolean, restMs: () => number): Promise<void> {
      await Promise.all(
        people.map(async (me) => {
          while (go()) {
            await one(habits)(me);
            await delay(restMs());
          }
        }),
      );
    },
  };
}

/** Whether an answer has all its parts. */
function complete<T>(answer: Answer<T> | undefined): answer is Answer<T> {
  return answer?.status === 200 && !answer.headers.has("douya-missing");
}

/** Registers many, a few at a time, since each waits for a password to be hashed. */
export async function registerMany(server: Scenario, count: number): Promise<Person[]> {
  const people: Person[] = [];
  await Promise.all(
    Array.from({ length: 8 }, async (_, i) => {
      for (let n = i; n < count; n += 8) people.push(await server.register());
    }),
  );
  return people;
}

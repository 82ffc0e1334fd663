import type { demoClient } from "./demo-client.ts";
import { conversations, follows, group, type Name, receptions } from "./talk.ts";

export interface DemoPerson {
  username: string;
  id: string;
  token: string;
}
export interface DemoVideo {
  id: string;
  title: string;
  author: DemoPerson;
}

/** Makes the people of the demonstration follow, like, comment and chat; missing people do nothing, nor their group. */
export async function bringToLife(
  client: ReturnType<typeof demoClient>,
  people: DemoPerson[],
  videos: DemoVideo[],
): Promise<void> {
  const byName = new Map(people.map((person) => [person.username, person]));
  for (const [name, others] of Object.entries(follows))
    for (const other of others) {
      const [follower, followee] = [byName.get(name), byName.get(other)];
      if (follower && followee) await client.follow(follower.token, followee.id);
    }
  for (const { id, title, author } of videos) {
    const { likes, comments } = receptions[title] ?? { likes: [], comments: [] };
    for (const name of likes) {
      const fan = byName.get(name);
      if (fan) await client.like(fan.token, id);
    }
    for (const { by, text, replies = [], pinned } of comments) {
      const person = byName.get(by);
      if (!person) continue;
      const commentId = await client.comment(person.token, id, text);
      for (const reply of replies) {
        const answerer = byName.get(reply.by);
        if (answerer) await client.comment(answerer.token, id, reply.text, commentId);
      }
      if (pinned) await client.pin(author.token, id, commentId);
    }
  }
  for (const [one, other, messages] of conversations) {
    let last: { by: string; id: string } | undefined;
    for (const [name, content] of messages) {
      const [from, to] = [byName.get(name), byName.get(name === one ? other : one)];
      if (!from || !to) continue;
      // An answer means that the message before it was read.
      if (last && last.by !== name) await client.markRead(from.token, to.id, last.id);
      last = { by: name, id: await client.write(from.token, to.id, content) };
    }
  }
  const [owner, ...others] = [group.owner, ...group.others].map((name) => byName.get(name));
  if (!owner || others.some((one) => !one)) return;
  const groupId = await client.createGroup(
    owner.token,
    group.name,
    others.map((one) => one!.id),
  );
  const ids: string[] = [];
  /** Who writes or reacts has read what is there. */
  const reading = async (name: Name): Promise<string> => {
    const { token } = byName.get(name)!;
    const last = ids.at(-1);
    if (last) await client.markRead(token, groupId, last);
    return token;
  };
  for (const { by, text, clip, answers, reactions = [] } of group.lines) {
    const id = await client.write(await reading(by), groupId, text, {
      ...(clip && { videoId: videos.find(({ title }) => title === clip)?.id }),
      ...(answers !== undefined && { replyTo: ids[answers] }),
    });
    ids.push(id);
    for (const [name, emoji] of reactions) await client.react(await reading(name), groupId, id, emoji);
  }
}

import pg from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { freshClip } from "./harness/clips.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { within } from "./harness/within.ts";

describe("douya doctor --recount, while a server runs", () => {
  const server = scenario("all");
  let people: Person[];
  let videos: string[];

  beforeAll(async () => {
    people = await Promise.all(Array.from({ length: 6 }, () => server.register()));
    const video = await people[0]!.settled((await people[0]!.publish(freshClip())).id);
    const { databaseUrl } = server.deployment;
    videos = [video.id, ...(await copyVideo(databaseUrl, video.id, 4, (i) => 1_700_000_000_000 + i))];
    await query(
      `insert into video.blob_use select u.key, v.id from video.blob_use u, video.video v
       where u.owner_id = $1 on conflict do nothing`,
      [video.id],
    );
  });

  async function query(sql: string, values: unknown[] = []): Promise<Record<string, string>[]> {
    const client = new pg.Client({ connectionString: server.deployment.databaseUrl });
    await client.connect();
    try {
      return (await client.query(sql, values)).rows;
    } finally {
      await client.end();
    }
  }

  async function recount() {
    const { dataDir, databaseUrl } = server.deployment;
    const program = startProgram(["doctor", "--recount"], {
      DOUYA_DATA: dataDir,
      DOUYA_DATABASE_URL: databaseUrl,
    });
    const { code } = await within(program.ended, () => "the recount does not end");
    expect(program.output()).not.toMatch(/^ +at .*:\d+/m);
    return { code, answer: program.answer() };
  }

  const { of: pick } = randomOf(testSeed("recount"));
  /** Random actions of people, until stopped. */
  async function live(person: Person, stopped: () => boolean): Promise<void> {
    for (let i = 0; !stopped(); i++) {
      const video = pick(videos);
      const other = pick(people.filter(({ id }) => id !== person.id));
      const say = (path: string) => person.post<Schemas["Comment"]>(path, { json: { text: "hm" } });
      await person[pick(["put", "delete"] as const)](`/users/${other.id}/follow`);
      await person[pick(["put", "delete"] as const)](`/videos/${video}/like`);
      const comment = body(await say(`/videos/${video}/comments`), 201);
      if (i % 3 > 0) await say(`/videos/${video}/comments/${comment.id}/replies`);
      if (i % 3 > 1) await person.delete(`/videos/${video}/comments/${comment.id}`);
      await person.post(`/conversations/${other.id}/messages`, { json: { content: "hi" } });
      if (i % 2) await other.put(`/conversations/${person.id}/read`, { json: { upTo: comment.id } });
    }
  }

  test("finds nothing while everybody is busy, and names manual damage", async () => {
    let stopped = false;
    const busy = people.map((person) => live(person, () => stopped));
    const during = [await recount(), await recount()];
    stopped = true;
    await Promise.all(busy);
    for (const { code, answer } of during) {
      expect(answer).not.toContain("DRIFT");
      expect(code).toBe(0);
    }

    const [video] = await query(
      "select video_id as id from interaction.video where last_floor > 0 and comments > 0 limit 1",
    );
    const damage: Record<string, string> = {
      "relation following": "update relation.stats set following = following + 1",
      "relation followers": "update relation.stats set followers = followers - 1",
      "relation hot users": "insert into relation.hot_user values (1, 7)",
      "video works of authors": "update video.author_stats set works = works + 1",
      "video bytes that people keep": "update video.author_stats set kept_bytes = kept_bytes + 1",
      "video files of videos": `delete from video.blob_use where owner_id = ${video!.id} and key like '%.jpg'`,
      "video pictures of posts": `update video.video set pictures = '[{"sizes": [{"key": "post/lost"}]}]'`,
      "video rungs of videos": `insert into video.rendition
        values (${video!.id}, 1, 'rung/lost', 1, 1, '', 1, 1, '{}', '{}')`,
      "video renditions shown": "update video.video set renditions = '[{}, {}]'",
      "video storyboards of videos": `update video.video set storyboard = '{"key": "storyboard/lost"}'`,
      "video files held by nobody": "insert into video.blob_use values ('video/lost', 1)",
      "interaction likes of videos": "update interaction.video set likes = likes + 1",
      "interaction dislikes of videos": "update interaction.video set dislikes = dislikes + 1",
      "interaction bookmarks of videos": "update interaction.video set bookmarks = bookmarks + 1",
      "interaction reposts of videos": "update interaction.video set reposts = reposts + 1",
      "interaction downloads of videos": "update interaction.video set downloads = downloads + 1",
      "interaction ranked videos": "insert into interaction.ranking_total values (1, 'shared 24h', 7)",
      "interaction shares of videos": "update interaction.video set shares = shares + 1",
      "interaction comments on videos": "update interaction.video set comments = comments - 1",
      "interaction replies to comments":
        "update interaction.comment set replies = replies + 1 where root_id is null",
      "interaction likes received": "update interaction.person set likes_received = likes_received + 1",
      "interaction likes given": "update interaction.person set likes_given = likes_given + 1",
      "interaction last floor of videos": "update interaction.video set last_floor = 0",
      "interaction last sequence of videos": "update interaction.video set last_sequence = 0",
      "interaction last floor of replies": "update interaction.comment set last_reply_floor = 0",
      "playback ranked videos": "insert into playback.ranking_total values (1, 'hot', 7)",
      "playback ranked videos of all time": "insert into playback.ranking_total values (1, 'viewed all', 7)",
      "playback ranked videos by time": `insert into playback.ranking_bucket
        values (1, 'viewed 24h', (extract(epoch from now()) / 60)::int8, 7)`,
      "playback plays by the hour":
        "create table playback.of_the_first_hours partition of playback.hour for values from (0) to (3600000); insert into playback.hour (video_id, start_ms, part, author_id, plays) values (1, 0, 0, 1, 1)",
      "playback how far people watched": "insert into playback.retention values (1, 0, '{1}')",
      "playback hours, by the minute":
        "create table playback.of_the_first_minutes partition of playback.minute for values from (0) to (60000); insert into playback.minute (video_id, start_ms, part, author_id, loops) values (2, 0, 0, 1, 1)",
      "playback days, by the hour":
        "insert into playback.day (video_id, start_ms, part, author_id, skips) values (3, 0, 0, 1, 1)",
      "playback figures of all time, by the day":
        "insert into playback.total (video_id, start_ms, part, author_id, views) values (4, 0, 0, 1, 1)",
      "playback views, by where they came from": "insert into playback.source_day values (5, 0, 1, 0, 1, 1)",
      "message members of groups": "insert into message.group_chat (id, name, members) values (1, '', 7)",
      "message latest of groups": "insert into message.group_chat (id, name, last_id) values (2, '', 7)",
      "message unread in groups": "insert into message.member values (1, 1, 1, 0, 0, 0, -5)",
      "message mentions in groups": "update message.member set mentioned = 1",
      "message reactions": "insert into message.reaction_count values (1, 2, 3, '👍', 1, 7)",
      "message people of notifications": "update message.notification set people = people + 1",
      "message unread in conversations": "update message.conversation set unread = unread + 1",
      "message unread of people": "update message.person set unread = unread + 10000",
      "message latest of conversations": "update message.conversation set last_id = last_id - 1",
      "message latest shown of conversations":
        "update message.conversation set shown_for = last_id, shown_id = 1",
      "message answered conversations": "update message.conversation set answered = not answered",
      "message messages to strangers": "update message.conversation set to_stranger = 1000",
    };
    expect(during[0]!.answer.match(/^ok /gm)).toHaveLength(Object.keys(damage).length);
    for (const statement of Object.values(damage)) await query(statement);
    const { code, answer } = await recount();
    expect(code).toBe(1);
    const named = [...answer.matchAll(/^DRIFT (\w+) +(\S.*?) +\d+ differ/gm)].map(
      ([, module, what]) => `${module} ${what}`,
    );
    expect(named.sort()).toEqual(Object.keys(damage).sort());
    expect(answer).toMatch(new RegExp(`^ +${people[0]!.id}: kept \\d+, facts say \\d+$`, "m"));
    expect(answer).not.toMatch(/^ok /m);
  });
});

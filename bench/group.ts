import type { Bench } from "./bench.ts";
import type { TimelineInserts } from "./ceilings/insert-timelines.ts";
import { register } from "./client.ts";
import { compare } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";
import { startWorker } from "./worker.ts";

const members = 1_000;
/** Each with the same people; messages to one group wait for each other. */
const groups = 4;
/** Unused ids: of the groups, of their people. */
const firstGroup = 2_000_000_000_000_000;
const firstMember = 3_000_000_000_000_000;
const answerMs = 30_000;

/** Rows of timelines per second while messages go to groups of 1,000, against bare inserts into the same table. */
export const group: Bench = async (environment, { rounds, roundMs, profileDir }) => {
  const dataset = await environment.dataset();
  const server = await dataset.serve({ profileDir });
  const inserts = environment.owns(startWorker<TimelineInserts, number>("ceilings/insert-timelines"));
  const author = await register(server.port, `group-${Date.now()}`);
  // Ids that are spread as those of people are.
  const others = Array.from({ length: members - 1 }, (_, i) =>
    String(firstMember + ((i * 7919) % 1_000_003)),
  );
  const ids = Array.from({ length: groups }, (_, i) => String(firstGroup + Date.now() + i));
  await dataset.pool.query(
    "insert into message.group_chat (id, name, members) select id, 'The group', $2 from unnest($1::int8[]) g(id)",
    [ids, members],
  );
  await dataset.pool.query(
    `insert into message.member (group_id, user_id, role, since_id, joined_id, read_id, seen)
     select g, m, case when m = $3 then 3 else 1 end, 0, 0, 0, 0
     from unnest($1::int8[]) g, unnest($2::int8[]) m`,
    [ids, [author.id, ...others], author.id],
  );
  async function say(groupId: string, content: string): Promise<void> {
    const path = `/api/v1/conversations/${groupId}/messages`;
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${author.token}` },
      body: JSON.stringify({ content }),
      signal: AbortSignal.timeout(answerMs),
    });
    if (response.status !== 201) throw new Error(`${response.status} ${await response.text()}`);
    await response.arrayBuffer();
  }
  const said = async () => {
    const startedMs = performance.now();
    let messages = 0;
    await Promise.all(
      ids.map(async (groupId) => {
        for (; performance.now() - startedMs < roundMs; messages++) await say(groupId, "Hello all");
      }),
    );
    return ((messages * members) / (performance.now() - startedMs)) * 1000;
  };
  const bare = () =>
    inserts.ask({ url: dataset.url, userIds: others.concat(author.id), durationMs: roundMs });
  const compared = await compare(rounds, said, bare);
  for (const it of [inserts, server, dataset]) await it.stop();
  return [ratioRow("group", "rows/s", compared, { atLeast: 0.6 })];
};

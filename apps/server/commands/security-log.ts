import { refusal } from "#contracts/reasons.ts";
import { nameKey } from "#platform/text/text-rules.ts";
import type { Databases } from "../open-databases.ts";
import type { Command } from "./command.ts";
import { withDatabases } from "./with-databases.ts";

interface Entry {
  at: Date;
  kind: string;
  times: number;
  userId: string | null;
  actorId: string | null;
  subject: string;
  address: string;
  device: string;
  reason: string;
}

interface Row extends Entry {
  person: string | null;
  actor: string | null;
}

export const securityLogCommand: Command = {
  summary:
    "shows logins, refusals, changes of passwords and roles, ended sessions and moderation, the newest last",
  options: {
    user: { type: "string" },
    kind: { type: "string" },
    hours: { type: "string", default: "24" },
    limit: { type: "string", default: "200" },
  },
  run: (values) =>
    withDatabases(async (databases) => {
      const rows = await read(databases, {
        name: values.user === undefined ? undefined : String(values.user),
        kinds: values.kind === undefined ? undefined : String(values.kind).split(","),
        hours: count(values, "hours"),
        limit: count(values, "limit"),
      });
      for (const row of rows.reverse()) console.log(line(row));
      if (rows.length === 0) console.log("Nothing of that kind.");
    }),
};

async function read(
  databases: Databases,
  by: { name: string | undefined; kinds: string[] | undefined; hours: number; limit: number },
): Promise<Row[]> {
  const users = databases.of("user").pool;
  let userId: string | undefined;
  if (by.name !== undefined) {
    const key = nameKey(by.name.normalize("NFC").trim());
    const { rows } = await users.query<{ id: string }>(
      `select id from "user".account where name_key = $1 or id::text = $2`,
      [key, by.name],
    );
    userId = rows[0]?.id;
    if (!userId) throw refusal("USER_NOT_FOUND", `There is nobody called ${by.name}.`);
  }
  const found = await Promise.all(
    databases.all().map(({ database }) =>
      database.pool.query<Entry>(
        `select at, kind, times, user_id as "userId", actor_id as "actorId", subject, address, device, reason
         from security.entry
         where at > now() - $1 * interval '1 hour'
           and ($2::int8 is null or user_id = $2 or actor_id = $2)
           and ($3::text[] is null or kind = any($3))
         order by id desc limit $4`,
        [by.hours, userId ?? null, by.kinds ?? null, by.limit],
      ),
    ),
  );
  const entries = found
    .flatMap(({ rows }) => rows)
    .sort((a, b) => b.at.getTime() - a.at.getTime())
    .slice(0, by.limit);
  const ids = entries.flatMap(({ userId, actorId }) => [userId, actorId]).filter((id) => id !== null);
  const { rows: people } = await users.query<{ id: string; username: string }>(
    `select id, username from "user".account where id = any($1)`,
    [ids],
  );
  const names = new Map(people.map(({ id, username }) => [id, username]));
  const nameOf = (id: string | null) => id && (names.get(id) || id);
  return entries.map((entry) => ({ ...entry, person: nameOf(entry.userId), actor: nameOf(entry.actorId) }));
}

function line({ at, kind, times, person, actor, subject, address, device, reason }: Row): string {
  const parts = [
    at.toISOString(),
    kind,
    times > 1 && `×${times}`,
    person && `of ${quoted(person)}`,
    actor && `by ${quoted(actor)}`,
    subject,
    address && `from ${address}`,
    device && `with ${quoted(device)}`,
    reason && `because ${quoted(reason)}`,
  ];
  return parts.filter(Boolean).join("  ");
}

/** On one line, whatever a user name contains: JSON escapes characters that move a cursor. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029\p{Cf}]/gu, "?");
}

function count(values: Record<string, unknown>, name: string): number {
  const text = String(values[name]);
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw refusal("ARGUMENT_INVALID", `--${name}=${text}: must be a whole number above 0.`);
}

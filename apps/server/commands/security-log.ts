import { refusal } from "#contracts/reasons.ts";
import type { Database } from "#platform/db/database.ts";
import { nameKey } from "#platform/text/text-rules.ts";
import type { Command } from "./command.ts";
import { withDatabase } from "./with-database.ts";

interface Row {
  at: Date;
  kind: string;
  times: number;
  person: string | null;
  actor: string | null;
  subject: string;
  address: string;
  device: string;
  reason: string;
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
    withDatabase(async (database) => {
      const rows = await read(database, {
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
  { pool }: Database,
  by: { name: string | undefined; kinds: string[] | undefined; hours: number; limit: number },
): Promise<Row[]> {
  let userId: string | undefined;
  if (by.name !== undefined) {
    const key = nameKey(by.name.normalize("NFC").trim());
    const { rows } = await pool.query<{ id: string }>(
      `select id from "user".account where name_key = $1 or id::text = $2`,
      [key, by.name],
    );
    userId = rows[0]?.id;
    if (!userId) throw refusal("USER_NOT_FOUND", `There is nobody called ${by.name}.`);
  }
  const { rows } = await pool.query<Row>(
    `select e.at, e.kind, e.times, coalesce(nullif(p.username, ''), e.user_id::text) as person,
       coalesce(nullif(a.username, ''), e.actor_id::text) as actor, e.subject, e.address, e.device, e.reason
     from security.entry e
     left join "user".account p on p.id = e.user_id
     left join "user".account a on a.id = e.actor_id
     where e.at > now() - $1 * interval '1 hour'
       and ($2::int8 is null or e.user_id = $2 or e.actor_id = $2)
       and ($3::text[] is null or e.kind = any($3))
     order by e.id desc limit $4`,
    [by.hours, userId ?? null, by.kinds ?? null, by.limit],
  );
  return rows;
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

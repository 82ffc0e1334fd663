import type { Pool } from "pg";
import { refusal } from "../../errors/reasons.ts";
import type { Move } from "./move-schema.ts";

/** What a move asks of both servers while processes serve, found out before anything is done. Error: MOVE_NEEDS. */
export async function checkNeeds({
  module,
  from,
  to,
  stream,
}: Pick<Move, "module" | "from" | "to"> & { stream: string }): Promise<void> {
  const needed = (await sourceNeeds(from.pool, stream)) ?? (await targetNeeds(module, from.pool, to.pool));
  if (needed) throw refusal("MOVE_NEEDS", { what: needed });
}

/** A move keeps one replication slot, and has another one while it compares. */
const slots = 2;

async function sourceNeeds(pool: Pool, stream: string): Promise<string | undefined> {
  const { rows } = await pool.query<{
    level: string;
    mayReplicate: boolean;
    mayCreate: boolean;
    role: string;
    database: string;
    slots: number;
    senders: number;
  }>(
    `select current_setting('wal_level') as level,
       (select rolsuper or rolreplication from pg_roles where rolname = current_user) as "mayReplicate",
       has_database_privilege(current_database(), 'create') as "mayCreate",
       quote_ident(current_user) as role, quote_ident(current_database()) as database,
       current_setting('max_replication_slots')::int
         - (select count(*)::int from pg_replication_slots where slot_name <> $1) as slots,
       current_setting('max_wal_senders')::int - (select count(*)::int from pg_stat_replication) as senders`,
    [stream],
  );
  const found = rows[0]!;
  const there = "on the server that the module leaves";
  if (found.level !== "logical")
    return `wal_level is ${found.level} ${there}: set it to logical and restart PostgreSQL`;
  if (!found.mayReplicate)
    return `the role may not replicate ${there}: as a superuser, alter role ${found.role} replication`;
  if (!found.mayCreate)
    return `the role may not create a publication ${there}: as a superuser, grant create on database ${found.database} to ${found.role}`;
  if (found.slots < slots)
    return `${slots} replication slots have to be free ${there}: raise max_replication_slots and restart PostgreSQL, or drop slots that nobody uses`;
  if (found.senders < 1)
    return `every WAL sender is taken ${there}: raise max_wal_senders and restart PostgreSQL`;
  return undefined;
}

async function targetNeeds(module: string, source: Pool, target: Pool): Promise<string | undefined> {
  if (!(await hasTriggers(source, module))) return undefined;
  const client = await target.connect();
  try {
    await client.query("begin; set local session_replication_role = replica; rollback");
    return undefined;
  } catch (error) {
    if ((error as { code?: string }).code !== notAllowed) throw error;
    await client.query("rollback");
    const { rows } = await client.query<{ role: string }>("select quote_ident(current_user) as role");
    return `the role may not turn foreign keys and triggers off in the database to which the module goes, although what they delete or count along with a row is copied by itself: as a superuser, grant set on parameter session_replication_role to ${rows[0]!.role} (PostgreSQL 15 or newer), or alter role ${rows[0]!.role} superuser`;
  } finally {
    client.release();
  }
}

/** PostgreSQL's code for a missing right. */
const notAllowed = "42501";

/** Foreign keys are triggers too. */
export async function hasTriggers(pool: Pool, schema: string): Promise<boolean> {
  const { rows } = await pool.query<{ found: boolean }>(
    `select exists (select from pg_trigger t join pg_class c on c.oid = t.tgrelid
       join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1) as found`,
    [schema],
  );
  return rows[0]!.found;
}

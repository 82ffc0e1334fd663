import type { Migrations } from "../db/migrate.ts";

/**
 * The log and the state of its readers. Positions are assigned in the order of writing but become visible in the order
 * of committing, so a reader must not pass a position that can still be committed. Therefore writers hold a shared
 * advisory lock, from before their positions are assigned until the end of their transaction. Its key says "mine will be
 * above this". `events.horizon()` is the stable position: the last assigned position, or the lowest held key when that
 * is less. Up to there every transaction has ended. Only a transaction that has written events holds readers up, for as
 * long as its commit takes. A long transaction without events yet, or a forgotten session, does not.
 */
export const migrations: Migrations = {
  "0001-event-log": `
    create table events.log (
      partition int2 not null,
      -- One sequence for all partitions. Gaps are transactions that were rolled back.
      position int8 not null generated always as identity (cache 1),
      type text not null,
      key text not null,
      payload bytea not null,
      trace_id text,
      at timestamptz not null default statement_timestamp(),
      primary key (partition, position)
    );

    -- The lock's two numbers: 0x4556 ('EV') and the upper 16 of 48 bits of the position; its lower 32 bits.
    create function events.append(partitions int2[], types text[], keys text[], payloads bytea[], trace_ids text[])
    returns void language plpgsql as $$
    begin
      perform pg_advisory_xact_lock_shared(
        (1163264000 | (floor >> 32))::int4, ((floor & 4294967295) - 2 * (floor & 2147483648))::int4
      ) from (
        select case when is_called then last_value else last_value - 1 end as floor from events.log_position_seq
      ) drawn;
      insert into events.log (partition, type, key, payload, trace_id)
      select * from unnest(partitions, types, keys, payloads, trace_ids);
    end $$;

    -- Not within the statement that reads the log: that one would not see what was committed since it began.
    create function events.horizon() returns int8 language plpgsql as $$
    declare
      drawn int8;
      held int8;
    begin
      -- First this, then the locks: whoever draws a position later is above.
      select case when is_called then last_value else last_value - 1 end into drawn from events.log_position_seq;
      select min(((classid::int8 & 65535) << 32) | objid::int8) into held from pg_locks
      where locktype = 'advisory' and objsubid = 2 and classid::int8 >> 16 = 17750
        and database = (select oid from pg_database where datname = current_database());
      return least(drawn, held);
    end $$;
  `,
  "0002-consumers": `
    create table events.consumer_group (
      group_name text primary key,
      types text[] not null
    );
    -- How far a group has come in each partition, and which of its members has it.
    create table events.consumer (
      group_name text not null,
      partition int2 not null,
      position int8 not null,
      owner uuid,
      -- Goes up whenever the partition changes hands or is reset: a member that missed it changes nothing more.
      term int8 not null default 0,
      primary key (group_name, partition)
    ) with (fillfactor = 50);
    create table events.member (
      group_name text not null,
      id uuid not null,
      expires_at timestamptz not null,
      primary key (group_name, id)
    );
    -- Events that a group could not handle; copies, so that they outlive the log.
    create table events.dead (
      group_name text not null,
      position int8 not null,
      partition int2 not null,
      type text not null,
      key text not null,
      payload bytea not null,
      trace_id text,
      at timestamptz not null,
      reason text not null,
      attempts int not null,
      parked_at timestamptz not null default now(),
      -- An operator wants it handled again.
      replay boolean not null default false,
      primary key (group_name, position)
    );
    create index dead_replay on events.dead (group_name) where replay;
  `,
  "0003-recent": `
    -- What is in the log above a position, and the horizon of before it was read. No row when there are as many events
    -- as were known of already; else a row even if none is of these types.
    create function events.recent(after int8, known int, wanted text[], most int)
    returns table (
      decided int8, above int, total int, partition int2, "position" int8, type text, key text, payload bytea,
      trace_id text, at timestamptz
    ) language plpgsql set enable_seqscan = off as $$
    declare
      horizon int8;
    begin
      -- Everything is known and decided, and nothing was drawn since: most often, and at no price.
      if known = 0 and after = (select last_value from events.log_position_seq) then
        return;
      end if;
      if after is not null and known = (
        select count(*) from (
          select from generate_series(0, 15) p(partition)
          cross join lateral (select from events.log l where l.partition = p.partition and l.position > after) l
          limit most + 1
        ) seen
      ) then
        return;
      end if;
      -- Before the log is read, as everywhere: what is above it may come later.
      horizon := events.horizon();
      return query
        with recent as materialized (
          select l.* from generate_series(0, 15) p(partition)
          cross join lateral (
            select * from events.log l where l.partition = p.partition and l.position > coalesce(after, horizon)
          ) l
          limit most + 1
        )
        select horizon, (select count(*)::int from recent r where r.position > horizon),
          (select count(*)::int from recent), r.*
        from (values (1)) as always(one) left join recent r on r.type = any(wanted);
    end $$;
  `,
  "0004-lease-of-the-process": `
    -- A member lives as long as the lease of its process (lease.process).
    delete from events.member;
    alter table events.member drop column expires_at;
  `,
};

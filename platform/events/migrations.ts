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
  "0005-origins": `
    -- Which database this is, for consumers in other databases: a position means something only together with it.
    create table events.origin (
      id uuid not null,
      one boolean primary key default true check (one)
    );
    insert into events.origin (id) values (gen_random_uuid());
    create function events.own_origin() returns uuid stable language sql as 'select id from events.origin';

    alter table events.consumer add column origin uuid not null default events.own_origin();
    alter table events.consumer drop constraint consumer_pkey;
    alter table events.consumer add primary key (group_name, origin, partition);
    alter table events.dead add column origin uuid not null default events.own_origin();
    alter table events.dead drop constraint dead_pkey;
    alter table events.dead add primary key (group_name, origin, position);
  `,
  "0006-partitions-that-are-split": `
    -- Events above a position are in one of so many partitions, each number a multiple of the one before.
    create table events.partitioning (
      since int8 primary key,
      partitions int2 not null
    );
    insert into events.partitioning (since, partitions) values (0, 16);
    create function events.partitions() returns int stable language sql as
      'select max(p.partitions)::int from events.partitioning p';

    -- Of a partition that was split from its parent: a group begins with it when it has handled the parent up to there.
    alter table events.consumer add column parent int2;
    alter table events.consumer add column since int8;

    -- Writers hold the lock until the end of their transaction, so whoever has it alone knows that every event up to the
    -- last assigned position is where the number of before says, and every later one where the next says.
    create function events.append_hashed(
      hashes int8[], types text[], keys text[], payloads bytea[], trace_ids text[]
    ) returns void language plpgsql as $$
    declare
      partition_count int;
    begin
      perform pg_advisory_xact_lock_shared(hashtextextended('events.partitioning', 0));
      -- A statement of its own, which sees what was committed before the lock was had.
      select max(p.partitions) into partition_count from events.partitioning p;
      perform pg_advisory_xact_lock_shared(
        (1163264000 | (floor >> 32))::int4, ((floor & 4294967295) - 2 * (floor & 2147483648))::int4
      ) from (
        select case when is_called then last_value else last_value - 1 end as floor from events.log_position_seq
      ) drawn;
      insert into events.log (partition, type, key, payload, trace_id)
      select (h % partition_count)::int2, t, k, p, i from unnest(hashes, types, keys, payloads, trace_ids) as e(h, t, k, p, i);
    end $$;

    -- For processes of the version before, which know of 16.
    create or replace function events.append(
      partitions int2[], types text[], keys text[], payloads bytea[], trace_ids text[]
    ) returns void language plpgsql as $$
    begin
      perform events.append_hashed(partitions::int8[], types, keys, payloads, trace_ids);
      if (select max(p.partitions) from events.partitioning p) > 16 then
        -- A handler that gets this tries again without an end, and parks nothing.
        raise exception 'the event log has more partitions than this process knows of: start it with the version of the others'
          using errcode = 'lock_not_available';
      end if;
    end $$;

    create or replace function events.recent(after int8, known int, wanted text[], most int)
    returns table (
      decided int8, above int, total int, partition int2, "position" int8, type text, key text, payload bytea,
      trace_id text, at timestamptz
    ) language plpgsql set enable_seqscan = off as $$
    declare
      horizon int8;
      partition_count int;
    begin
      -- Everything is known and decided, and nothing was drawn since: most often, and at no price.
      if known = 0 and after = (select last_value from events.log_position_seq) then
        return;
      end if;
      select max(p.partitions) into partition_count from events.partitioning p;
      if after is not null and known = (
        select count(*) from (
          select from generate_series(0, partition_count - 1) p(partition)
          cross join lateral (select from events.log l where l.partition = p.partition and l.position > after) l
          limit most + 1
        ) seen
      ) then
        return;
      end if;
      -- Before the log is read, as everywhere: what is above it may come later.
      horizon := events.horizon();
      -- After it: what is up to there is in one of these.
      select max(p.partitions) into partition_count from events.partitioning p;
      return query
        with recent as materialized (
          select l.* from generate_series(0, partition_count - 1) p(partition)
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
  "0007-restored+": `
    -- Which server's, and on which timeline: another one means that it may have gone back (log/restored.ts).
    alter table events.origin add column history text;
  `,
  "0008-recent-of-types+": `
    -- As events.recent, but total counts only what is wanted, so that nobody is told of too many for the sake of what others
    -- write. Beyond so many of all types it is too many all the same: nobody waits until they are passed.
    create function events.recent_of_types(after int8, known int, wanted text[], most int)
    returns table (
      decided int8, above int, total int, partition int2, "position" int8, type text, key text, payload bytea,
      trace_id text, at timestamptz
    ) language plpgsql set enable_seqscan = off as $$
    declare
      horizon int8;
      partition_count int;
      most_passed int := 20 * most;
    begin
      -- Everything is known and decided, and nothing was drawn since: most often, and at no price.
      if known = 0 and after = (select last_value from events.log_position_seq) then
        return;
      end if;
      select max(p.partitions) into partition_count from events.partitioning p;
      if after is not null and known = (
        select count(*) from (
          select from generate_series(0, partition_count - 1) p(partition)
          cross join lateral (select from events.log l where l.partition = p.partition and l.position > after) l
          limit most + 1
        ) seen
      ) then
        return;
      end if;
      -- Before the log is read, as everywhere: what is above it may come later.
      horizon := events.horizon();
      -- After it: what is up to there is in one of these.
      select max(p.partitions) into partition_count from events.partitioning p;
      return query
        with passed as materialized (
          select e.partition, e.position, e.type from generate_series(0, partition_count - 1) p(partition)
          cross join lateral (
            select l.partition, l.position, l.type from events.log l
            where l.partition = p.partition and l.position > coalesce(after, horizon)
          ) e
          limit most_passed + 1
        ), recent as materialized (
          select a.partition, a.position from passed a where a.type = any(wanted) limit most + 1
        )
        select horizon,
          (select count(*)::int from (select from passed a where a.position > horizon limit most + 1) over_it),
          (select case when count(*) > most_passed then most + 1 else (select count(*)::int from recent) end from passed),
          r.*
        from (values (1)) as always(one)
        left join (
          select l.* from recent c join events.log l on l.partition = c.partition and l.position = c.position
        ) r on true;
    end $$;
  `,
  "0009-promoted+": `
    -- Appends events, and leaves a gap first where this server is on another timeline than the last event: it was promoted,
    -- and may lack positions that the server before it has given out (log/restored.ts). Whoever comes at the same time waits
    -- for the row, so no position is drawn before the gap. By the last eight characters alone: the identifier of the system
    -- cannot change under a connection.
    create function events.append_on_timeline(
      hashes int8[], types text[], keys text[], payloads bytea[], trace_ids text[]
    ) returns void language plpgsql as $$
    declare
      timeline text := left(pg_walfile_name(pg_current_wal_lsn()), 8);
    begin
      if exists (select from events.origin where right(history, 8) <> timeline) then
        update events.origin set history = left(history, -8) || timeline where right(history, 8) <> timeline;
        if found then
          perform setval('events.log_position_seq', last_value + 1000000000) from events.log_position_seq where is_called;
        end if;
      end if;
      perform events.append_hashed(hashes, types, keys, payloads, trace_ids);
    end $$;
  `,
};

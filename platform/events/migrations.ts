import type { Migrations } from "../db/migrate.ts";

/**
 * The log and what its readers keep. How readers never skip: positions are drawn in the order of writing and seen
 * in the order of committing, so a reader must not pass a position that somebody may still commit. Writers
 * therefore hold, from before they draw positions until their transaction has ended, a shared advisory lock whose
 * key says "mine will be above this". `events.horizon()` is the last position drawn, or the lowest key held when
 * that is less: up to there everything is decided. Only writing holds readers up, for as long as a commit takes; a
 * long transaction that has written no events yet, or somebody's forgotten session, does not.
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
};

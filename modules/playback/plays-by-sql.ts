import { type RawBuilder, sql } from "kysely";

/** Of a video that is not deleted. */
export const isLeft = sql`video_id not in (select video_id from playback.gone_video)`;

/**
 * What was told, counted in plain SQL: another way than that of rules.ts and count-plays.ts, with which both are compared,
 * so it shares neither code nor numbers with them. `raw`: rows of `playback.raw`, all of each day up to some time. Gives the
 * text of a `with` of which `play` has a row for each session.
 */
export function playsBySql(raw: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    with recursive session as (
      select video_id, viewer, started_ms, session, started_ms - started_ms % 86400000 as day_ms, min(part) as part,
        min(author_id) as author_id, bool_or(own) as own, max(duration_ms) as duration_ms, max(source) as source,
        max(watched_ms) as watched_ms, max(position_ms) as furthest_ms, max(loops) as loops, bool_or(ended) as ended
      from (${raw}) raw where ${isLeft} group by 1, 2, 3, 4
    ),
    -- For each watcher, video and day: what was watched for 3 s, or for half of what is shorter.
    watched as (
      select video_id, viewer, day_ms, array_agg(started_ms order by started_ms, session) as times,
        array_agg(session order by started_ms, session) as sessions
      from session
      where not own and 2::int8 * watched_ms >= case duration_ms when 0 then 6000 else least(6000, duration_ms) end
      group by 1, 2, 3
    ),
    view as (
      select w.*, 1 as place, 1 as n, views_per_viewer from watched w
      join playback.day_rule on start_ms = day_ms where views_per_viewer > 0
      union all
      select v.video_id, v.viewer, v.day_ms, v.times, v.sessions, next.place, v.n + 1, views_per_viewer
      from view v cross join lateral (
        select min(i)::int as place from generate_subscripts(times, 1) i
        where i > v.place and times[i] - times[v.place] >= 1800000
      ) next
      where n < views_per_viewer and next.place is not null
    ),
    play as (
      select s.*, not own as others, (not own and (ended or loops > 0)) as completed,
        v.n is not null as is_view, v.n is not distinct from 1 as is_first
      from session s left join view v on v.video_id = s.video_id and v.viewer = s.viewer and v.day_ms = s.day_ms
        and v.times[v.place] = s.started_ms and v.sessions[v.place] = s.session
    )`;
}

export const figureNames = [
  ...["views", "viewers", "plays", "own_plays"],
  ...["watch_ms", "completions", "skips", "loops"],
] as const;
export const figureColumns = sql.join(figureNames.map((name) => sql.id(name)));
export const sumsOfFigures = sql.join(
  figureNames.map((name) => sql`sum(${sql.id(name)}) as ${sql.id(name)}`),
);

/** The figures of a group of rows of `play`, in the same order. */
export const figuresOfPlays = sql`
  count(*) filter (where is_view) as views, count(*) filter (where is_first) as viewers,
  count(*) filter (where others) as plays, count(*) filter (where own) as own_plays,
  coalesce(sum(watched_ms) filter (where others), 0)::int8 as watch_ms, count(*) filter (where completed) as completions,
  count(*) filter (where others and not completed and watched_ms < 2000) as skips,
  coalesce(sum(loops) filter (where others), 0)::int8 as loops`;

/** Of a select from `play`, the percent that each got to, where it is of interest. */
export const reachedOfPlay = sql`
  case when completed then 100 else least(100, 100::int8 * furthest_ms / duration_ms)::int end`;
export const isReaching = sql`others and duration_ms > 0`;

/** For each video and part, how many plays got to 0 %, 1 %, … 100 %. */
export function reachedBySql(raw: RawBuilder<unknown>) {
  return sql`
    ${playsBySql(raw)}, reached as (
      select video_id, part, ${reachedOfPlay} as percent, count(*) as n from play where ${isReaching} group by 1, 2, 3
    )
    select v.video_id, v.part, array_agg(coalesce(n, 0) order by p)
    from (select distinct video_id, part from reached) v cross join generate_series(0, 100) p
    left join reached r on r.video_id = v.video_id and r.part = v.part and percent = p
    group by 1, 2`;
}

/** Of `raw`, what has been counted: in the snapshot of a transaction exactly that which the figures are made of. */
export const countedRaw = sql`
  select r.* from playback.raw r
  left join playback.lane l on l.lane = r.lane
  left join playback.lane_offset o on o.reader = 'plays' and o.part = r.part and o.lane = r.lane
  where started_ms >= (select since_ms from playback.kept where name = 'raw')
    -- A lane is removed when it has been read.
    and (l.lane is null or r.seq <= o.seq)`;

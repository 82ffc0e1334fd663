/** The last `buckets` spans of `bucketMs`, and the one that is being filled. */
export interface SlidingWindow {
  /** No other window of the same tables has it. */
  name: string;
  bucketMs: number;
  buckets: number;
}

/**
 * Something ranks in it by the sum of its windows: with several, each within the next, what is new counts more. Without
 * any it ranks by a total of all time.
 */
export interface RankedList {
  name: string;
  windows: readonly SlidingWindow[];
}

/** The tables of the rankings of a module; `key`: the column of what is ranked. */
export const rankingTables = (schema: string, key: string) => `
  -- Numbers of each window by the bucket of time.
  create table ${schema}.ranking_bucket (
    ${key} int8 not null,
    -- The name of the window.
    list text not null,
    -- Since 1970, in the length of the window's buckets.
    bucket int8 not null,
    n int8 not null,
    primary key (${key}, list, bucket)
  ) with (fillfactor = 70);
  create index ranking_bucket_expiry on ${schema}.ranking_bucket (list, bucket);
  -- Their sums.
  create table ${schema}.ranking_total (
    ${key} int8 not null,
    list text not null,
    n int8 not null,
    primary key (${key}, list)
  ) with (fillfactor = 70);
  create index ranking_total_top on ${schema}.ranking_total (list, n desc, ${key} desc);
`;

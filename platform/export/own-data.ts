import type { Kysely } from "../db/database.ts";

/** A text that people read, in both languages. */
export interface BothLanguages {
  en: string;
  zh: string;
}

/** One thing of somebody, as its owner may read it: never anything that is private to another. */
export interface OwnRecord {
  /** Its place in the file: the next page begins after it. */
  key: string;
  /** Ids as texts, times in ISO 8601. */
  fields: Record<string, unknown>;
  /** Ids of people, by the fields in which they are to be named. */
  people?: Record<string, string | null>;
  /** Each with keys of blobs, the best first: the first one that exists is taken. */
  media?: { what: string; keys: string[]; alt?: string }[];
  /** Their own post that it is: other modules add their counts. */
  post?: string;
}

export interface OwnFile<Tables> {
  about: BothLanguages;
  /** In the order of keys, from the one after `after` on; undefined: from the first. */
  page(
    db: Kysely<Tables>,
    userId: string,
    after: string | undefined,
    limit: number,
  ): Promise<readonly OwnRecord[]>;
}

export interface NamedPerson {
  id: string;
  username: string;
  name: string;
}

/** What a module keeps of a person (`docs/adr/0058-ones-own-data.md`). */
export interface OwnData<Tables> {
  /** By the name of the file. */
  files: Record<string, OwnFile<Tables>>;
  /** What it counts of posts, by their ids. */
  counts?(db: Kysely<Tables>, postIds: string[]): Promise<Map<string, Record<string, number>>>;
  /** Who people are; the user module knows. */
  people?: {
    find(db: Kysely<Tables>, username: string): Promise<NamedPerson | undefined>;
    named(db: Kysely<Tables>, ids: string[]): Promise<NamedPerson[]>;
  };
}

export const isoTime = (ms: number | string | null): string | null =>
  ms === null ? null : new Date(Number(ms)).toISOString();

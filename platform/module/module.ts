import type { DescService } from "@bufbuild/protobuf";
import type { FastifyInstance } from "fastify";
import type { BlobStore } from "../blob/blob-store.ts";
import type { Caches } from "../cache/caches.ts";
import type { Kysely } from "../db/database.ts";
import type { Migrations } from "../db/migrate.ts";
import type { KeptCount } from "../db/recount.ts";
import type { DomainError } from "../errors/domain-error.ts";
import type { Events } from "../events/events.ts";
import type { OwnData } from "../export/own-data.ts";
import type { Ids } from "../ids/snowflake.ts";
import type { Jobs } from "../jobs/jobs.ts";
import type { IssuerKeys } from "../keys/issuer-keys.ts";
import type { Media } from "../media/media-tool.ts";
import type { Logger } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { PresenceMemory } from "../presence/presence-memory.ts";
import type { Protection } from "../protect/protection.ts";
import type { Affinity, Client, Dependency, Handlers, MethodName } from "../rpc/service.ts";
import type { SecurityLog } from "../security/security-log.ts";
import type { LiveSettings } from "../settings/live-settings.ts";
import type { Signals } from "../signals/signals.ts";

/** Clients of the modules that this one declared. */
export type Clients<Calls extends Record<string, Dependency>> = {
  [K in keyof Calls]: Calls[K] extends Dependency<infer S, infer M> ? Client<S, M & MethodName<S>> : never;
};

/** Everything a module is given: it depends on nothing else. */
export interface ModuleContext<Calls extends Record<string, Dependency>, Config, Tables> {
  config: Config;
  /** The tables of the module's own schema. */
  db: Kysely<Tables>;
  clients: Clients<Calls>;
  /** Why a module that this one calls cannot be asked now, without waiting; undefined if it can. */
  outage(module: string): DomainError | undefined;
  ids: Ids;
  /** Work that must be done even if this process dies. */
  jobs: Jobs;
  events: Events<Tables>;
  blobs: BlobStore;
  media: Media;
  caches: Caches;
  /** Limits and queues, so that nobody takes what others need. */
  protect: Protection;
  signals: Signals;
  /** Who is connected, and who was when. */
  presence: PresenceMemory;
  /** Public keys, with which tokens of other services are verified. */
  issuerKeys: IssuerKeys;
  /** What may change while this process runs. */
  settings: LiveSettings;
  metrics: Metrics;
  /** What operators may have to look into: logins, refusals, moderation. */
  security: SecurityLog;
  log: Logger;
}

/** Reports progress. */
export type Progress = (what: string, done: number, total: number) => void;

/** A command of the operator's command line that a module implements; it works while the system runs. */
export interface ModuleCommand<Tables> {
  summary: string;
  /** Runs the command with its arguments; returns the lines to print. Error: ARGUMENT_INVALID. */
  run(
    db: Kysely<Tables>,
    words: string[],
    progress: Progress,
    blobs: () => Promise<BlobStore>,
  ): Promise<string[]>;
}

/**
 * What a module builds from events and facts. It rebuilds it when its job table has a job of the kind `rebuild` with the
 * read model's name as key (platform/jobs/rebuild.ts).
 */
export interface ReadModel<Tables> {
  /** The consumer group that keeps it up to date: a process with a member of it can rebuild it. */
  group: string;
  /** The progress of a rebuild, for people. */
  progress?(db: Kysely<Tables>): Promise<string>;
}

/** A blob with one of its users, in words and by id. */
export interface UsedBlob {
  key: string;
  usedBy: string;
  personId: string;
}

/** The blobs that a module uses. */
export interface BlobUses<Tables> {
  /** In the order of their keys, from the one after `after` on. */
  list(db: Kysely<Tables>, after: string, limit: number): Promise<UsedBlob[]>;
  /** Acts while the blob is not removed and no use of it begins; `used`: whether there is one. */
  hold<T>(db: Kysely<Tables>, key: string, act: (used: boolean) => Promise<T>): Promise<T>;
}

/** A module that runs. */
export interface Running<S extends DescService> {
  handlers: Handlers<S>;
  /** Routes of the public HTTP API; only the gateway has some. */
  routes?: (app: FastifyInstance) => Promise<void>;
  /** Why the module cannot serve now; undefined if it can. */
  notReady?: () => Promise<string | undefined>;
  /** Stops background work; the modules that it calls stop later. */
  stop?: () => Promise<void>;
}

/** A module's declaration: what it offers, calls and stores, and how it starts. */
export interface Module<S extends DescService, Calls extends Record<string, Dependency>, Config, Tables> {
  name: string;
  /** The contract it implements; the gateway has none. */
  service?: S;
  calls: Calls;
  /** Which of its calls are served better by the process that had the same before; see platform/rpc/affinity.ts. */
  affinity?: Affinity<S>;
  /**
   * Calls are let in by two bulkheads, one for those that only read and one for the rest; these by another one, which has
   * this name. Null: they have a queue of their own, or take long whatever the load is.
   */
  bulkheads?: Partial<Record<MethodName<S>, string | null>>;
  /** Of the schema with the module's name. */
  migrations?: Migrations;
  /** It inspects uploaded files: its process reports if that is impossible. */
  usesMedia?: true;
  start(context: ModuleContext<Calls, Config, Tables>): Promise<Running<S>>;
  /** By name: `douya moderator add ada`. */
  commands?: Record<string, ModuleCommand<Tables>>;
  /** By name: `douya rebuild hot-users`. */
  readModels?: Record<string, ReadModel<Tables>>;
  blobUses?: BlobUses<Tables>;
  /**
   * Tells the module's tables that they may have gone back, as by a restored backup: what others remember of them may be
   * newer. Nothing runs meanwhile. `endSessions`: nobody is logged in any more.
   */
  wentBack?(db: Kysely<Tables>, options: { endSessions: boolean }): Promise<void>;
  /** What `douya doctor` looks at, by a name of at most 10 letters: what is well. Error: what is to be mended. */
  checks?: Record<string, (db: Kysely<Tables>) => Promise<string>>;
  /** The counts it keeps, for `douya doctor --recount`. */
  recount?: readonly KeptCount[];
  /** What it keeps of a person, for `douya export`. */
  ownData?: OwnData<Tables>;
  /**
   * Fills the module's tables with its share of a synthetic dataset, for demonstrations and benchmarks. The shape of
   * the dataset is in contracts/synthetic-graph.ts.
   */
  seed?(db: Kysely<Tables>, dataset: object, progress: Progress): Promise<void>;
}

/** Checks a declaration's types without widening them. */
export function defineModule<Config, Tables = object>() {
  return <S extends DescService, Calls extends Record<string, Dependency>>(
    module: Module<S, Calls, Config, Tables>,
  ): Module<S, Calls, Config, Tables> => module;
}

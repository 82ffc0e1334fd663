import { refusal } from "#contracts/reasons.ts";
import { feedModule } from "#modules/feed/index.ts";
import { gatewayModule } from "#modules/gateway/index.ts";
import { interactionModule } from "#modules/interaction/index.ts";
import { messageModule } from "#modules/message/index.ts";
import { moderationModule } from "#modules/moderation/index.ts";
import { playbackModule } from "#modules/playback/index.ts";
import { relationModule } from "#modules/relation/index.ts";
import { userModule } from "#modules/user/index.ts";
import { mediaWorker, videoModule } from "#modules/video/index.ts";
import type { Module } from "#platform/module/module.ts";
import type { Dependency } from "#platform/rpc/service.ts";
import type { Config } from "./config.ts";
import { webDir } from "./paths.ts";

/** A module with its part of the configuration. */
export interface ModuleEntry {
  // biome-ignore lint/suspicious/noExplicitAny: the table holds modules of every type; each was checked when declared.
  module: Module<any, Record<string, Dependency>, any, any>;
  config(config: Config): unknown;
}

function entry<C>(
  // biome-ignore lint/suspicious/noExplicitAny: see ModuleEntry.
  module: Module<any, any, C, any>,
  config: (config: Config) => C,
): ModuleEntry {
  return { module, config };
}

/**
 * The table of modules: the page to read first. Calls form a tree; the start order, the right to call, and what
 * `douya targets` prints follow from it.
 */
export const table: Record<string, ModuleEntry> = {
  user: entry(userModule, ({ clusterSecret, keyRotationMs }) => ({
    secret: clusterSecret,
    rotateAfterMs: keyRotationMs,
  })),
  relation: entry(relationModule, () => ({})),
  video: entry(
    videoModule,
    ({
      mediaWorkers,
      rungShortSidesPx,
      loudnessLufs,
      keepSources,
      maxProcessingMs,
      maxUploadBytes,
      quotaBytes,
    }) => ({
      workers: mediaWorkers,
      rungShortSidesPx,
      loudnessLufs,
      keepSources,
      maxProcessingMs,
      // Room for four files of the largest size.
      maxUnpublishedBytes: 4 * maxUploadBytes,
      quotaBytes,
    }),
  ),
  interaction: entry(interactionModule, () => ({})),
  message: entry(messageModule, ({ clusterSecret: secret, publicUrl, pushContact, pushPrivate }) => ({
    secret,
    contact: pushContact || (publicUrl.startsWith("https:") ? publicUrl : "https://douya.invalid"),
    allowPrivate: pushPrivate,
  })),
  feed: entry(feedModule, ({ feedPullFollowers, feedMaxSources }) => ({
    pullFollowers: feedPullFollowers,
    maxSources: feedMaxSources,
  })),
  playback: entry(playbackModule, ({ clusterSecret: secret, viewsPerViewer, playsKeptDays }) => ({
    secret,
    viewsPerViewer,
    playsKeptDays,
  })),
  moderation: entry(moderationModule, () => ({})),
  gateway: entry(
    gatewayModule,
    ({
      publicUrl,
      mediaUrl,
      realtimeUrls,
      mediaCacheSeconds,
      maxUploadBytes,
      quotaBytes,
      timeZone,
      clusterSecret: secret,
    }) => ({
      publicUrl,
      mediaUrl,
      realtimeUrls,
      mediaCacheSeconds,
      maxUploadBytes,
      quotaBytes,
      timeZone,
      webDir,
      secret,
    }),
  ),
};

/**
 * Targets that are no modules: they have no database, and run only where they are asked for. What they do is done by a
 * module where they are not.
 */
export const helpers = { media: mediaWorker };

/** `all`, or names of modules: `user`, `video,feed`. In start order: callees first. */
export function modulesOf(target: string): ModuleEntry[] {
  const names = target === "all" ? Object.keys(table) : target.split(",").map((name) => name.trim());
  for (const name of names) {
    if (!Object.hasOwn(table, name)) {
      const known = ["all", ...Object.keys(table), ...Object.keys(helpers)].join(", ");
      throw refusal("TARGET_UNKNOWN", { name, known });
    }
  }
  const ordered: string[] = [];
  const visit = (name: string) => {
    if (ordered.includes(name)) return;
    for (const callee of callsOf(name)) visit(callee);
    ordered.push(name);
  };
  for (const name of names) visit(name);
  return ordered.filter((name) => names.includes(name)).map((name) => table[name]!);
}

/** The modules that a module calls. */
export function callsOf(name: string): string[] {
  const services = Object.values(table[name]!.module.calls).map(({ service }) => service);
  return Object.keys(table).filter((other) => services.includes(table[other]!.module.service));
}

/** The callers of a module, each with the methods that it may call. */
export function callersOf(name: string): Map<string, Set<string>> {
  const { service } = table[name]!.module;
  const all = [...Object.values(table).map(({ module }) => module), ...Object.values(helpers)];
  const callers = all.map(({ name: other, calls }) => {
    const methods = Object.values<Dependency>(calls).filter((call) => call.service === service);
    return [other, new Set(methods.flatMap((call) => call.methods))] as const;
  });
  return new Map(callers.filter(([, methods]) => methods.size > 0));
}

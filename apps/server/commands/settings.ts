import { refusal } from "#contracts/reasons.ts";
import { connectEtcd, type EtcdClient } from "#platform/registry/etcd/etcd-client.ts";
import { KV } from "#platform/registry/etcd/gen/etcd_pb.ts";
import { bytesOf, rangeOf, textOf } from "#platform/registry/etcd/keys.ts";
import { readFolderSettings, writeFolderSetting } from "#platform/settings/folder-settings.ts";
import { type Config, describeConfig, liveSettings, readConfig } from "../config.ts";
import { engineTls } from "../open-transport.ts";
import type { Command } from "./command.ts";

/** Where settings are set: in etcd, or in the data folder. */
interface Store {
  /** Who hears of it. */
  whom: string;
  /** By name. */
  read(): Promise<Map<string, string>>;
  /** Undefined: takes it back. */
  write(name: string, text: string | undefined): Promise<void>;
}

export const settingsCommand: Command = {
  summary:
    "what may change while processes run, for all of them: settings list, get NAME, set NAME VALUE, unset NAME",
  options: {},
  positionals: true,
  async run(_values, [verb = "list", name = "", value, ...more]) {
    const config = readConfig();
    const declared = Object.values(liveSettings(config));
    const setting = declared.find((one) => one.name === name);
    const takes = { list: 0, get: 1, set: 2, unset: 1 }[verb];
    if (takes === undefined || [name, value, ...more].filter((word) => word).length > takes)
      throw refusal("ARGUMENT_INVALID", "Say settings list, get NAME, set NAME VALUE or unset NAME.");
    if (takes > 0 && !setting)
      throw refusal("SETTING_UNKNOWN", { name, known: declared.map((one) => one.name).join(", ") });
    const store = config.etcdUrl ? inEtcd(config) : inFolder(config);
    switch (verb) {
      case "set": {
        if (value === undefined) throw refusal("ARGUMENT_INVALID", "Say settings set NAME VALUE.");
        const problem = problemWith(setting!, value);
        if (problem !== undefined) throw refusal("SETTING_INVALID", { name, what: problem });
        await store.write(name, value);
        console.log(`${name}=${value} for ${store.whom}, from now on.`);
        return;
      }
      case "unset": {
        const wasSet = (await store.read()).has(name);
        await store.write(name, undefined);
        console.log(
          wasSet
            ? `${name} is again what each process was started with.`
            : `${name} was not set: each process uses what it was started with.`,
        );
        return;
      }
      default:
        for (const line of await shown(config, store, name)) console.log(line);
    }
  },
};

function inFolder({ dataDir }: Config): Store {
  return {
    whom: `every process on ${dataDir}`,
    read: () => readFolderSettings(dataDir),
    write: (name, text) => writeFolderSetting(dataDir, name, text),
  };
}

function inEtcd(config: Config): Store {
  const prefix = `${config.etcdPrefix}settings/`;
  async function onEtcd<Result>(work: (etcd: EtcdClient) => Promise<Result>): Promise<Result> {
    const etcd = connectEtcd(config.etcdUrl, engineTls(config));
    try {
      return await work(etcd);
    } finally {
      etcd.close();
    }
  }
  return {
    whom: "every process",
    async read() {
      const { kvs } = await onEtcd((etcd) => etcd.call(KV.method.range, rangeOf(prefix)));
      return new Map(kvs.map(({ key, value }) => [textOf(key).slice(prefix.length), textOf(value)]));
    },
    async write(name, text) {
      const key = bytesOf(`${prefix}${name}`);
      await onEtcd(async (etcd) => {
        if (text === undefined) await etcd.call(KV.method.deleteRange, { key });
        else await etcd.call(KV.method.put, { key, value: bytesOf(text) });
      });
    },
  };
}

/** `NAME=value   (where from)`, for one or all that may change. */
async function shown(config: Config, store: Store, name: string): Promise<string[]> {
  const live = await store.read();
  const started = new Map(describeConfig().map((one) => [one.name, one]));
  return Object.values(liveSettings(config))
    .filter((one) => name === "" || one.name === name)
    .flatMap((one) => {
      const { value, source } = started.get(one.name)!;
      const set = live.get(one.name);
      if (set === undefined) return [`${one.name}=${value}   (${source})`];
      const problem = problemWith(one, set);
      return problem === undefined
        ? [`${one.name}=${set}   (set for ${store.whom})`]
        : [`${one.name}=${value}   (${source})`, `    MEND: ${set} was set and is not used: it ${problem}.`];
    });
}

function problemWith(setting: { parse(text: string): unknown }, text: string): string | undefined {
  // It is kept as a line.
  if (/[\r\n]/.test(text)) return "must be one line";
  try {
    setting.parse(text);
  } catch (error) {
    return (error as Error).message;
  }
}

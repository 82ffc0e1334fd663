import { afterEach, describe, expect, test } from "vitest";
import { createLog } from "../../observe/log.ts";
import { declaredSettings } from "../../testing/fixed-settings.ts";
import { liveSettingsContract } from "../../testing/live-settings-contract.ts";
import { withEtcd } from "../../testing/private-etcd.ts";
import { connectEtcd } from "./etcd-client.ts";
import { etcdSettings } from "./etcd-settings.ts";
import { KV } from "./gen/etcd_pb.ts";
import { bytesOf } from "./keys.ts";

const etcdServer = withEtcd({ emptied: true });
const name = "DOUYA_LOG_LEVEL";
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const declared = declaredSettings({
  logLevel: {
    name,
    started: "warn",
    parse(text) {
      if (!/^[a-z]+$/.test(text)) throw new Error("must be a level");
      return text;
    },
  },
});
async function open(these = declared) {
  const etcd = connectEtcd(etcdServer().url);
  const settings = etcdSettings(etcd, these, { prefix: "/douya/", log: createLog("silent") });
  undo.push(etcd.close, settings.stop);
  await settings.ready;
  const key = bytesOf(`/douya/settings/${name}`);
  return {
    settings,
    level: () => settings.current("logLevel"),
    set: (text: string | Uint8Array) =>
      etcd.call(KV.method.put, { key, value: typeof text === "string" ? bytesOf(text) : text }),
    unset: () => etcd.call(KV.method.deleteRange, { key }),
  };
}

describe("settings in etcd", () => liveSettingsContract(async (these) => (await open(these)).settings));

test("what is set is felt by every process, also by those that start later, until it is unset", async () => {
  const [one, other] = [await open(), await open()];
  const seen: string[] = [];
  undo.push(other.settings.watch("logLevel", (level) => seen.push(level)));
  await one.set("debug");
  await expect.poll(() => [one.level(), other.level()]).toEqual(["debug", "debug"]);
  expect((await open()).level()).toBe("debug");
  await one.unset();
  await expect.poll(() => [one.level(), other.level()]).toEqual(["warn", "warn"]);
  expect(seen).toEqual(["debug", "warn"]);
});

test.each([
  ["text", "no level!"],
  ["an empty text", ""],
  ["bytes that are no text", new Uint8Array([0xff, 0xfe])],
  ["something long", "!".repeat(100_000)],
])("a bad value (%s) is not used and named, and the last good one stays", async (_what, bad) => {
  const { level, set, unset, settings } = await open();
  await set("debug");
  await expect.poll(level).toBe("debug");
  await set(bad);
  await expect.poll(settings.problems).toEqual({ [name]: "must be a level" });
  expect(level()).toBe("debug");
  await unset();
  await expect.poll(settings.problems).toEqual({});
  expect(level()).toBe("warn");
});

test("while etcd is away the last known value stays, and what was set is there when it is back", async () => {
  const { level, set, settings } = await open();
  await set("debug");
  await expect.poll(level).toBe("debug");
  await etcdServer().kill();
  const changes: string[] = [];
  undo.push(settings.watch("logLevel", (value) => changes.push(value)));
  await etcdServer().restart();
  await expect
    .poll(() =>
      set("info").then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);
  await expect.poll(level).toBe("info");
  expect(changes).toEqual(["info"]);
});

import { pbkdf2 } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createLog } from "../observe/log.ts";
import { declaredSettings } from "../testing/fixed-settings.ts";
import { liveSettingsContract } from "../testing/live-settings-contract.ts";
import { folderSettings, readFolderSettings, writeFolderSetting } from "./folder-settings.ts";
import type { LiveDeclarations } from "./live-settings.ts";

describe("settings in a data folder", () => {
  const log = createLog("silent");
  let folder: string;
  const stops: (() => void)[] = [];
  const open = (declared: LiveDeclarations) => {
    const settings = folderSettings(folder, declared, { log });
    stops.push(settings.stop);
    return settings;
  };
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "douya-settings-"));
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) stop();
    await rm(folder, { recursive: true });
  });

  liveSettingsContract(async (declared) => open(declared));

  test("one is set, changed and taken back, and the others stay", async () => {
    await writeFolderSetting(folder, "ONE", "a=b, c");
    await writeFolderSetting(folder, "OTHER", "2");
    await writeFolderSetting(folder, "ONE", "3");
    expect(await readFolderSettings(folder)).toEqual(
      new Map([
        ["ONE", "3"],
        ["OTHER", "2"],
      ]),
    );
    await writeFolderSetting(folder, "ONE", undefined);
    expect(await readFolderSettings(folder)).toEqual(new Map([["OTHER", "2"]]));
  });

  test("a change is heard; a value that is not valid is named, and the last good one stays", async () => {
    const parse = (text: string) => {
      if (text === "loud") throw new Error("must be a log level");
      return text;
    };
    const settings = open(declaredSettings({ logLevel: { name: "LEVEL", started: "warn", parse } }));
    const heard: string[] = [];
    settings.watch("logLevel", (level) => heard.push(level));
    await writeFolderSetting(folder, "LEVEL", "debug");
    await expect.poll(() => heard).toEqual(["debug"]);
    // Beside it at first: one that is written over is empty for a moment.
    await writeFile(join(folder, "next"), "LEVEL=loud\nOFF=a,b\nnot a line\nUNKNOWN=1\n");
    await rename(join(folder, "next"), join(folder, "settings"));
    await expect.poll(() => settings.problems()).toEqual({ LEVEL: "must be a log level" });
    expect(settings.current("logLevel")).toBe("debug");
    expect(settings.current("switchedOff")).toEqual(new Set(["a", "b"]));
    await rm(join(folder, "settings"));
    await expect.poll(() => heard).toEqual(["debug", "warn"]);
    expect(settings.problems()).toEqual({});
  });

  test("a change in the moment in which watching begins is heard", async () => {
    await writeFolderSetting(folder, "LEVEL", "warn");
    // The threads that look at files are busy, so the first look comes after the change.
    const derive = () => promisify(pbkdf2)("", "", 100_000, 64, "sha512");
    const busy = Promise.all(Array.from({ length: 8 }, derive));
    const settings = open(declaredSettings());
    writeFileSync(join(folder, "settings"), "LEVEL=debug\n");
    await busy;
    await expect.poll(() => settings.current("logLevel")).toBe("debug");
  });
});

import { randomUUID } from "node:crypto";
import { readFileSync, unwatchFile, watchFile } from "node:fs";
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../observe/log.ts";
import { type ChangingSettings, changingSettings, type LiveDeclarations } from "./live-settings.ts";

const lookMs = 1_000;
const fileOf = (dataDir: string) => join(dataDir, "settings");

/** Settings for all processes on one data folder: lines like `DOUYA_LOG_LEVEL=debug` in its file `settings`. */
export function folderSettings(
  dataDir: string,
  declared: LiveDeclarations,
  options: { log: Pick<Logger, "info" | "warn"> },
): ChangingSettings & { stop(): void } {
  const settings = changingSettings(declared, options);
  const file = fileOf(dataDir);
  const look = () => {
    try {
      settings.update(textsOf(readFileSync(file, "utf8")));
    } catch (error) {
      // One that cannot be read now leaves everything as it is.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") settings.update(new Map());
      else options.log.warn({ err: error }, "the settings of the data folder cannot be read");
    }
  };
  look();
  watchFile(file, { interval: lookMs, persistent: false }, look);
  // What changes before the watching has seen the file for the first time is no change to it.
  const later = setTimeout(look, lookMs).unref();
  return {
    ...settings,
    stop() {
      clearTimeout(later);
      unwatchFile(file, look);
    },
  };
}

/** What is set in a data folder, by name. */
export async function readFolderSettings(dataDir: string): Promise<Map<string, string>> {
  try {
    return textsOf(await readFile(fileOf(dataDir), "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return new Map();
    throw error;
  }
}

/** Sets one, or takes it back. The file is replaced, so that nobody reads half of it. */
export async function writeFolderSetting(
  dataDir: string,
  name: string,
  text: string | undefined,
): Promise<void> {
  const texts = await readFolderSettings(dataDir);
  if (text === undefined) texts.delete(name);
  else texts.set(name, text);
  const lines = [...texts].map(([key, value]) => `${key}=${value}\n`);
  const next = `${fileOf(dataDir)}.${randomUUID()}`;
  await writeFile(next, lines.join(""));
  await rename(next, fileOf(dataDir));
}

function textsOf(content: string): Map<string, string> {
  const texts = new Map<string, string>();
  for (const line of content.split("\n")) {
    const at = line.indexOf("=");
    if (at > 0) texts.set(line.slice(0, at).trim(), line.slice(at + 1).trim());
  }
  return texts;
}

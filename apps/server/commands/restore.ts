import { resolve } from "node:path";
import { refusal } from "#contracts/reasons.ts";
import { openTarget } from "../backup/open-target.ts";
import { findBackup } from "../backup/read-backup.ts";
import { lookAtFolder, restoreBackup } from "../backup/restore-backup.ts";
import { readConfig } from "../config.ts";
import { progressBar } from "../progress-bar.ts";
import { describe } from "./backup.ts";
import type { Command } from "./command.ts";

export const restoreCommand: Command = {
  summary:
    "restores a backup into an empty folder: --from=DIR|s3://bucket/prefix --data=DIR; --backup=ID takes another than the newest, --end-sessions logs everybody out, --dry-run only says what it would do; broken off, it goes on when it is repeated",
  options: {
    from: { type: "string" },
    data: { type: "string" },
    backup: { type: "string" },
    "end-sessions": { type: "boolean", default: false },
    "dry-run": { type: "boolean", default: false },
  },
  async run(values) {
    const config = readConfig();
    const target = openTarget(config, values.from, "--from");
    if (!values.data) throw refusal("ARGUMENT_INVALID", "Say into which folder: --data=DIR.");
    const dataDir = resolve(String(values.data));
    const manifest = await findBackup(target, values.backup as string | undefined, config.backupKey);
    const state = await lookAtFolder(dataDir, manifest);
    const goesOn = state === "begun" ? ", where that was begun" : "";
    console.log(`${describe(manifest)} is restored from ${target.name} into ${dataDir}${goesOn}.`);
    if (manifest.blobs.lost > 0)
      console.log(`${manifest.blobs.lost} files were missing already when it was taken.`);
    if (values["dry-run"]) return;
    const lost = await restoreBackup({ ...config, dataDir }, target, manifest, {
      secret: config.backupKey,
      endSessions: values["end-sessions"] === true,
      show: progressBar(),
    });
    for (const line of lost) console.log(line);
    if (lost.length > 0) process.exitCode = 1;
    console.log(
      `It is restored${lost.length > 0 ? `, but for ${lost.length} files` : ""}. Start it: DOUYA_DATA=${dataDir} douya serve`,
    );
  },
};

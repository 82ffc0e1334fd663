import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { hash } from "@node-rs/argon2";
import { refusal } from "#contracts/reasons.ts";
import type { SyntheticGraph } from "#contracts/synthetic-graph.ts";
import { createLog } from "#platform/observe/log.ts";
import { readConfig } from "../config.ts";
import { bringToLife, type DemoPerson, type DemoVideo } from "../demo/bring-to-life.ts";
import { DemoRefused, demoClient } from "../demo/demo-client.ts";
import { demoPeople } from "../demo/people.ts";
import { demoDir } from "../paths.ts";
import { progressBar } from "../progress-bar.ts";
import { type Server, serve } from "../serve.ts";
import { modulesOf } from "../targets.ts";
import type { Command } from "./command.ts";

export const seedCommand: Command = {
  summary: "fills in a demonstration; with --users N --follows M --videos K also a large synthetic dataset",
  options: {
    users: { type: "string", default: "0" },
    follows: { type: "string", default: "0" },
    videos: { type: "string", default: "0" },
    password: { type: "string" },
  },
  async run(values) {
    const size = {
      users: count(values, "users"),
      follows: count(values, "follows"),
      videos: count(values, "videos"),
    };
    const password = String(values.password ?? randomBytes(6).toString("base64url"));
    // Starts a server on any free port: the clips are uploaded like everybody's.
    const config = { ...readConfig(), host: "127.0.0.1", port: 0, limits: false };
    const server = await serve(config, "all", createLog(config.logLevel));
    try {
      // Before anybody has it: of what is interrupted this is all that one knows.
      console.log(`Whoever is new gets the password ${password}`);
      const people = await seedDemo(server, password);
      if (size.users + size.follows + size.videos > 0) await seedGraph(server, size, password);
      const before = demoPeople.map(({ username }) => username).filter((name) => !people.includes(name));
      if (people.length > 0) console.log(`\nLog in as ${people.join(", ")}, password ${password}`);
      else console.log("\nThe people of the demonstration are there already.");
      if (people.length > 0 && before.length > 0) {
        process.exitCode = 1;
        console.log(
          `${before.join(", ")} were there before, with passwords of their own, and what they do is missing: fill in an empty database to have all of it.`,
        );
      }
      if (size.users > 0)
        console.log(`user1 to user${size.users} have the password ${password} when they are new.`);
    } finally {
      await server.stop();
    }
  },
};

/** Adds people, clips and their actions through the public API; returns the names of the people who are new. */
async function seedDemo(server: Server, password: string): Promise<string[]> {
  const client = demoClient(server.address);
  const progress = progressBar();
  const people: DemoPerson[] = [];
  for (const person of demoPeople) {
    try {
      people.push({ ...(await client.enter(person, password)), username: person.username });
    } catch (error) {
      if (error instanceof DemoRefused && error.reason === "NAME_TAKEN") continue;
      throw error;
    }
    progress("demo", people.length, demoPeople.length);
  }
  if (people.length === 0) return [];
  const videos: DemoVideo[] = [];
  const clips = (await readdir(demoDir)).filter((file) => file.endsWith(".mp4")).sort();
  for (const [i, clip] of clips.entries()) {
    const author = people[i % people.length]!;
    const title = titleOf(clip);
    const id = await client.publish(author.token, join(demoDir, clip), title);
    videos.push({ id, title, author });
    progress("clips", i + 1, clips.length);
  }
  await bringToLife(client, people, videos);
  return people.map(({ username }) => username);
}

/** Each module's share of a synthetic dataset, written straight into its tables. */
async function seedGraph(
  server: Server,
  size: Pick<SyntheticGraph, "users" | "follows" | "videos">,
  password: string,
) {
  const clipIds = await demoClient(server.address).newest();
  if (size.videos > 0 && clipIds.length === 0) {
    throw refusal("NO_CLIPS");
  }
  const graph: SyntheticGraph = {
    ...size,
    newestMs: Date.now(),
    clipIds,
    passwordHash: await hash(password),
  };
  const progress = progressBar();
  for (const { module } of modulesOf("all")) {
    await module.seed?.(server.databases.of(module.name).of(module.name), graph, progress);
  }
  for (const { database } of server.databases.all()) await database.pool.query("analyze");
}

/** `03-slow-waves.mp4` → `Slow waves` */
function titleOf(file: string): string {
  const words = file
    .replace(/^\d+-/, "")
    .replace(/\.mp4$/, "")
    .replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function count(values: Record<string, unknown>, name: string): number {
  const text = String(values[name]);
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw refusal("ARGUMENT_INVALID", `--${name}=${text}: must be a whole number.`);
}

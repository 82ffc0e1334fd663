import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "#platform/testing/free-ports.ts";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { type Program, startProgram } from "./harness/program.ts";
import { until, within } from "./harness/within.ts";

describe("douya events, while a server runs on its own database", () => {
  let folder: string;
  let env: Record<string, string>;
  let server: Program;
  const started: Program[] = [];

  const events = (args: string) => {
    const program = startProgram(["events", ...args.split(" ").filter(Boolean)], env);
    started.push(program);
    return program;
  };
  /** Runs to its end; its output is for people. */
  async function run(args: string) {
    const program = events(args);
    const { code } = await within(program.ended, () => `douya events ${args} does not end`);
    expect(program.output()).not.toMatch(/^ +at .*:\d+/m);
    return { code, output: program.output().trim() };
  }
  const origin = () => `http://127.0.0.1:${env.DOUYA_PORT}/api/v1`;

  async function register(username: string) {
    const json = { username, password: "a long password" };
    const { accessToken, user } = body(
      await send<Schemas["Session"]>("POST", `${origin()}/users`, { json }),
      201,
    );
    return { id: user.id, token: accessToken };
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "douya-events-"));
    // The database may run as another account if this one is root.
    await chmod(folder, 0o755);
    const [port] = await freePorts(1);
    env = { DOUYA_DATA: join(folder, "data"), DOUYA_PORT: String(port), DOUYA_LIMITS: "off" };
    server = startProgram(["serve"], env);
    started.push(server);
    await server.printed(/Stop {5}Ctrl-C/);
  });
  afterAll(async () => {
    await Promise.all(started.map((program) => program.stop()));
    await rm(folder, { recursive: true, force: true });
  });

  test("tail shows what happens, as it happens and afterwards; lag that it was handled", async () => {
    const [ada, ben] = [await register("ada"), await register("ben")];
    const follow = (method: string) =>
      send(method, `${origin()}/users/${ben.id}/follow`, { token: ada.token }).then(({ status }) => status);
    const following = events("tail --follow --type=relation.followed.v1");
    expect(await follow("PUT")).toBe(204);
    const [line] = await following.printed(/^\d+ \S+ relation\.followed\.v1 .*$/m);
    expect(JSON.parse(line.slice(line.indexOf("{")))).toMatchObject({
      followerId: ada.id,
      followeeId: ben.id,
    });
    expect(await follow("DELETE")).toBe(204);
    await following.stop();
    expect(following.output()).not.toContain("unfollowed");
    const { output } = await run("tail --limit=20");
    const types = output.split("\n").map((text) => text.split(" ")[2]!);
    expect(types.filter((type) => type.startsWith("relation."))).toEqual([
      "relation.followed.v1",
      "relation.unfollowed.v1",
    ]);
    await until("everything is handled", async () =>
      /^feed\.inbox +0 +0\.0 +0 +1 +0$/m.test((await run("lag")).output),
    );
    expect((await run("")).output).toMatch(/^group +behind +seconds +dead +members +unheld partitions\n/);
  });

  test("unknown dead letters and groups are named", async () => {
    expect(await run("dead")).toEqual({ code: 0, output: "There are no dead letters." });
    for (const [args, sentence] of [
      ["replay", "no such dead letter"],
      ["drop --group=feed.inbox --id=1", "no such dead letter"],
      ["reset --group=nobody", "no group nobody"],
      ["forget --group=feed.inbox", "Stop it first"],
    ])
      expect(await run(args!)).toEqual({ code: 1, output: expect.stringContaining(sentence!) });
  });

  test.each([
    ["replay --id=x", "--id takes"],
    ["reset", "--group"],
    ["drop --id=1", "--group"],
    ["drop --group=feed.inbox", "--id"],
    ["reset --group=feed.inbox --to=middle", "--to takes start or end"],
    ["tail --limit=0", "--limit takes"],
    ["dance", "Say one of: lag, dead"],
    ["lag twice", "Say one of: lag, dead"],
    ["partitions many", "Say how many partitions"],
    ["partitions 24", "a multiple of 16, up to 256"],
  ])("%s: %s", async (args, sentence) => {
    expect(await run(args)).toEqual({ code: 1, output: expect.stringContaining(sentence) });
  });

  test("partitions are split while the server runs, which takes them over", async () => {
    expect(await run("partitions")).toEqual({ code: 0, output: "16 partitions" });
    expect(await run("partitions 32")).toEqual({ code: 0, output: "32 partitions" });
    expect((await run("lag")).output).toMatch(/^32 partitions$/m);
    await until("the server has all", async () =>
      /^feed\.inbox +0 +0\.0 +0 +1 +0$/m.test((await run("lag")).output),
    );
  });

  test("the server neither notices the commands nor stops with them", async () => {
    expect(await run("reset --group=feed.inbox --to=end")).toMatchObject({ code: 0 });
    await until("everything is handled", async () =>
      /^feed\.inbox +0 +0\.0 +0 +1 +0$/m.test((await run("lag")).output),
    );
    expect((await send("GET", `http://127.0.0.1:${env.DOUYA_PORT}/readyz`)).status).toBe(200);
    await server.stop();
    expect(await server.ended).toMatchObject({ code: 0 });
    // They also work without a server.
    expect((await run("lag")).output).toMatch(/^feed\.inbox +0 +0\.0 +0 +0 +32$/m);
  });
});

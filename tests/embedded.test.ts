import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isAlive } from "#platform/postgres/process-alive.ts";
import { freePorts } from "#platform/testing/free-ports.ts";
import { freshClip } from "./harness/clips.ts";
import { connectToEmbedded } from "./harness/embedded-database.ts";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { type Program, startProgram } from "./harness/program.ts";
import { until, within } from "./harness/within.ts";

/** What `npm start` runs. */
const launcher = fileURLToPath(new URL("../bin/douya.mjs", import.meta.url));

describe("one process on its own database, as npm start runs it", () => {
  let folder: string;
  let dataDir: string;
  let port: number;
  let program: Program;
  const started: Program[] = [];
  const origin = () => `http://127.0.0.1:${port}`;
  const json = { username: "ada", password: "correct horse" };

  function launch(env: Record<string, string> = {}): Program {
    const full = { DOUYA_DATA: dataDir, DOUYA_PORT: String(port), DOUYA_LIMITS: "off", ...env };
    const launched = startProgram(["serve"], full, launcher);
    started.push(launched);
    return launched;
  }
  /** Starts one that fails, and returns its one sentence. */
  async function refusal(env: Record<string, string>): Promise<string> {
    const refused = launch(env);
    const { code } = await within(refused.ended, () => `it does not give up:\n${refused.output()}`);
    expect(code).toBe(1);
    expect(refused.output()).not.toMatch(/^ +at .*:\d+/m);
    return refused.output().trim();
  }
  const postmasterPid = (dir = dataDir) =>
    readFile(join(dir, "postgres", "postmaster.pid"), "utf8").then(
      (text) => Number(text.split("\n")[0]),
      () => undefined,
    );
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "douya-embedded-"));
    // The database may run as another account if this one is root.
    await chmod(folder, 0o755);
    dataDir = join(folder, "data");
    [port] = (await freePorts(1)) as [number];
    program = launch();
    await program.printed(/Stop {5}Ctrl-C/);
  });
  afterAll(async () => {
    await Promise.all(started.map((one) => one.stop()));
    await rm(folder, { recursive: true, force: true });
  });

  test("it says in one block where it is, where its data are and how to stop it", async () => {
    expect(program.answer()).toMatch(/Douya .* is ready after \d+\.\d s/);
    expect(program.answer()).toContain(`Open     ${origin()}`);
    expect(program.answer()).toContain(`Data     ${dataDir}`);
    expect(program.answer().trim().split("\n").length).toBeLessThan(10);
    body(await send("POST", `${origin()}/api/v1/users`, { json }), 201);
  });

  test("a second one on the same data folder is told so, and the first does not notice", async () => {
    const [other] = await freePorts(1);
    const sentence = await refusal({ DOUYA_PORT: String(other) });
    expect(sentence).toContain(dataDir);
    expect(sentence).toContain(`in use by process ${program.pid}`);
    expect(sentence).toContain("DOUYA_DATA");
    expect(sentence.split("\n")).toHaveLength(1);
    body(await send("POST", `${origin()}/api/v1/sessions`, { json }), 201);
    expect(await readFile(join(dataDir, "running.txt"), "utf8")).toContain(String(program.pid));
  });

  test("nor is the folder free for a second one after PostgreSQL was restarted", async () => {
    const killed = (await postmasterPid())!;
    process.kill(killed, "SIGKILL");
    await until("the folder is locked again", async () => {
      const client = await connectToEmbedded(dataDir).catch(() => undefined);
      if (!client) return false;
      const locks = await client.query(
        "select from pg_locks where locktype = 'advisory' and objid = 7083811 and granted",
      );
      await client.end();
      return locks.rowCount === 1;
    });
    expect(await postmasterPid()).not.toBe(killed);
    const [other] = await freePorts(1);
    expect(await refusal({ DOUYA_PORT: String(other) })).toContain(`in use by process ${program.pid}`);
  });

  test("a data folder that cannot be written to is named", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    const locked = join(folder, "locked");
    await mkdir(locked, { mode: 0o555 });
    // Root may write everywhere.
    const dirs = process.getuid?.() === 0 ? [file, join(file, "data")] : [file, join(file, "data"), locked];
    for (const dir of dirs) {
      const sentence = await refusal({ DOUYA_DATA: dir });
      expect(sentence).toContain(dir);
      expect(sentence.split("\n")).toHaveLength(1);
    }
  });

  test("a port that another program has is named, and the database stops again", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const takenPort = (taken.address() as AddressInfo).port;
    const otherDir = join(folder, "other");
    const sentence = await refusal({ DOUYA_PORT: String(takenPort), DOUYA_DATA: otherDir });
    taken.close();
    expect(sentence).toContain(`Port ${takenPort}`);
    expect(sentence).toContain("DOUYA_PORT");
    expect(await postmasterPid(otherDir)).toBeUndefined();
  });

  test("after kill -9 it starts again, with everything that it had acknowledged", async () => {
    const video = await publish();
    await program.kill();
    program = launch();
    await program.printed(/Stop {5}Ctrl-C/);
    const found = body(await send<Schemas["Video"]>("GET", `${origin()}/api/v1/videos/${video.id}`));
    expect((await send("GET", found.playUrl!)).status).toBe(200);
    body(await send("POST", `${origin()}/api/v1/sessions`, { json }), 201);
  });

  test("Ctrl-C answers who is being served, then stops the database and ends well", async () => {
    const pid = (await postmasterPid())!;
    expect(isAlive(pid)).toBe(true);
    const { accessToken } = body(
      await send<Schemas["Session"]>("POST", `${origin()}/api/v1/sessions`, { json }),
      201,
    );
    const clip = freshClip();
    const socket = connect(port, "127.0.0.1");
    let answer = "";
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.write(
      `POST /api/v1/uploads HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${accessToken}\r\n` +
        `content-type: video/mp4\r\ncontent-length: ${clip.length}\r\nexpect: 100-continue\r\n\r\n`,
    );
    await until("the upload may begin", () => answer.includes("100 Continue"));
    socket.write(clip.subarray(0, 9000));
    program.signal("SIGINT");
    await program.printed(/Stopping/);
    // No new requests are accepted meanwhile.
    await until("the door is closed", async () => {
      const late = await send("GET", `${origin()}/api/v1/feed`).catch(() => undefined);
      return late === undefined || late.status === 503;
    });
    socket.write(clip.subarray(9000));
    const { code, signal } = await within(program.ended, () => program.output());
    expect({ code, signal }).toEqual({ code: 0, signal: null });
    await expect.poll(() => answer).toContain("HTTP/1.1 201 Created");
    expect(program.answer()).toContain("Everything is saved.");
    expect(program.output()).not.toMatch(/"level":[456]0/);
    expect(isAlive(pid)).toBe(false);
    expect(await postmasterPid()).toBeUndefined();
  });

  test("Ctrl-C while it is still starting ends it as well", async () => {
    program = launch();
    await until("the database starts", async () => (await postmasterPid()) !== undefined);
    program.signal("SIGINT");
    const { code } = await within(program.ended, () => program.output());
    expect(code).toBe(0);
    expect(await postmasterPid()).toBeUndefined();
  });

  async function publish(): Promise<Schemas["Video"]> {
    const { accessToken: token } = body(
      await send<Schemas["Session"]>("POST", `${origin()}/api/v1/sessions`, { json }),
      201,
    );
    const upload = body(
      await send<Schemas["Upload"]>("POST", `${origin()}/api/v1/uploads`, { token, bytes: freshClip() }),
      201,
    );
    const asked = { token, json: { uploadId: upload.id, title: "kept" } };
    const video = body(await send<Schemas["Video"]>("POST", `${origin()}/api/v1/videos`, asked), 201);
    return until("it is published", async () => {
      const found = await send<Schemas["Video"]>("GET", `${origin()}/api/v1/videos/${video.id}`, { token });
      return found.body.state === "published" && found.body;
    });
  }
});

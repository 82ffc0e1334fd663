import { utimes } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isAlive } from "#platform/postgres/process-alive.ts";
import { type PrivatePostgres, startPrivatePostgres } from "#platform/testing/private-postgres.ts";
import { clip, freshClip } from "./harness/clips.ts";
import { type Deployment, deploy, shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { listFiles } from "./harness/list-files.ts";
import { rawRequest, zerosAfter } from "./harness/raw-request.ts";
import { scenarioOf } from "./harness/scenario.ts";
import { soonMs, until } from "./harness/within.ts";

type Video = Schemas["Video"];

/** A durable database, and the program on it. */
describe.each(shapes)("kills, %s", (shape) => {
  let postgres: PrivatePostgres;
  let deployment: Deployment;
  const server = scenarioOf(() => deployment);
  const blobs = () => join(deployment.dataDir, "blobs");
  const staged = () => listFiles(join(blobs(), "staging"));

  beforeAll(async () => {
    postgres = await startPrivatePostgres();
    deployment = await deploy(shape, { databaseUrl: postgres.url });
  });
  afterAll(async () => {
    await deployment?.remove();
    await postgres?.remove();
  });

  async function connected(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    return client;
  }
  async function query<Row = { count: number }>(sql: string): Promise<Row[]> {
    const client = await connected();
    try {
      return (await client.query(sql)).rows;
    } finally {
      await client.end();
    }
  }
  /** After all have been killed. */
  async function restartAll(): Promise<void> {
    for (const module of shape === "all" ? ["gateway"] : ["user", "relation", "video", "gateway"])
      await deployment.restart(module);
  }

  /**
   * Lets every commit become durable and holds back its answer, which is the moment between commit and answer; `kill`
   * is called when one that writes to this table waits there.
   */
  async function betweenCommitAndAnswer(
    table: string,
    ask: () => Promise<unknown>,
    kill: () => Promise<unknown>,
  ) {
    await query("alter system set synchronous_standby_names = 'nobody'");
    await query("select pg_reload_conf()");
    const probe = await commitsWait();
    try {
      const asked = ask().then(
        () => "answered",
        () => "cut off",
      );
      await until("the commit waits", async () => (await waiting(table)) > 0);
      await kill();
      expect(await asked).toBe("cut off");
    } finally {
      await query("alter system reset synchronous_standby_names");
      await query("select pg_reload_conf()");
      await probe.end();
    }
  }
  /** Resolves with a connection whose commit waits: the processes of PostgreSQL take up a setting one after the other. */
  async function commitsWait(): Promise<pg.Client> {
    const probe = await connected();
    const [{ pid }] = (await probe.query("select pg_backend_pid() as pid")).rows;
    let isUnderWay = false;
    await until("commits wait", async () => {
      if (!isUnderWay) {
        isUnderWay = true;
        const done = () => {
          isUnderWay = false;
        };
        probe.query("select pg_logical_emit_message(true, '', '')").then(done, done);
      }
      const waits = `select from pg_stat_activity where pid = ${pid} and wait_event = 'SyncRep'`;
      return (await query(waits)).length === 1;
    });
    return probe;
  }
  /** A transaction keeps its locks until it is answered. */
  const waiting = async (table: string) =>
    (
      await query(
        `select count(*)::int as count from pg_stat_activity a join pg_locks l using (pid)
         where a.wait_event = 'SyncRep' and a.query = 'commit'
           and l.relation = '${table}'::regclass and l.mode = 'RowExclusiveLock'`,
      )
    )[0]!.count;

  test("in the middle of an upload: no blob appears, and what was staged goes when it is old", async () => {
    const ada = await server.register();
    const before = await listFiles(blobs());
    const upload = rawRequest(deployment.origin, {
      path: "/api/v1/uploads",
      headers: {
        authorization: `Bearer ${ada.session.accessToken}`,
        "content-type": "video/mp4",
        "content-length": "50000000",
      },
      pieces: zerosAfter(freshClip(), 3_000_000),
    });
    const cutOff = expect(upload).rejects.toThrow("no answer");
    await until("the upload is being staged", async () => (await staged()).length > 0);
    await deployment.programOf("gateway").kill();
    await cutOff;
    await deployment.restart("gateway");
    const left = await staged();
    expect(left).toHaveLength(1);
    expect(await listFiles(blobs())).toEqual(
      [...before, ...left.map((name) => join("staging", name))].sort(),
    );

    const twoHoursAgo = new Date(Date.now() - 2 * 3_600_000);
    await utimes(join(blobs(), "staging", left[0]!), twoHoursAgo, twoHoursAgo);
    await deployment.programOf("video").stop();
    await deployment.restart("video");
    // A start waits for no sweep.
    await expect.poll(() => listFiles(blobs())).toEqual(before);
    expect((await ada.settled((await ada.publish(freshClip())).id)).state).toBe("published");
  });

  test("in the middle of processing: it is published all the same, once", async () => {
    const ada = await server.register();
    // It cannot be published before the process is killed, however fast it is made: that writes an event.
    const holder = await connected();
    await holder.query("begin; lock table events.log in share mode");
    const { id } = await ada.publish(freshClip("odd-surround.webm"));
    const isProcessed = async () => body(await ada.get<Video>(`/videos/${id}`)).state === "processing";
    await until("it is being processed", isProcessed, soonMs);
    await deployment.programOf("video").kill();
    await holder.end();
    await deployment.restart("video");
    const video = await until("it is published", async () => {
      const found = body(await ada.get<Video>(`/videos/${id}`));
      return found.state === "published" && found;
    });
    expect((await send("GET", video.playUrl!)).status).toBe(200);
    expect((await send("GET", video.coverUrl!)).status).toBe(200);
    const { items } = body(await ada.get<Page<Video>>("/me/videos"));
    expect(items.map((item) => item.id)).toEqual([id]);
    expect(body(await ada.get<Schemas["User"]>("/me")).counts.videos).toBe(1);
    const { items: shown } = body(await server.api<Page<Video>>("GET", "/feed"));
    expect(shown.filter((item) => item.id === id)).toHaveLength(1);
  });

  test("between commit and answer of a publish: it is there once, and asking again gives the same", async () => {
    const ada = await server.register();
    const upload = body(await ada.upload(freshClip()), 201);
    const json = { uploadId: upload.id, title: "once" };
    await betweenCommitAndAnswer(
      "video.video",
      () => ada.post("/videos", { json }),
      () => Promise.all(deployment.programs().map((program) => program.kill())),
    );
    await restartAll();
    const { items } = body(await ada.get<Page<Video>>("/me/videos"));
    expect(items).toHaveLength(1);
    expect(body(await ada.post<Video>("/videos", { json }), 201).id).toBe(items[0]!.id);
    const video = await until("it is published", async () => {
      const found = body(await ada.get<Video>(`/videos/${items[0]!.id}`));
      return found.state === "published" && found;
    });
    expect(video.title).toBe("once");
    expect(body(await ada.get<Page<Video>>("/me/videos")).items).toHaveLength(1);
    expect(body(await ada.get<Schemas["User"]>("/me")).counts.videos).toBe(1);
  });

  test("when a new avatar and a new cover are in their places and nobody has them yet: they go when they are old", async () => {
    const [ada, ben] = [await server.register(), await server.register()];
    const video = await ada.settled((await ada.publish(freshClip())).id);
    // The end of a ladder releases what its video does not show.
    const ladders = `select from video.video where id = ${video.id} and ladder in ('done', 'none')`;
    await until("its rungs are made", async () => (await query(ladders)).length === 1);
    const put = { bytes: clip("half.png") };
    // The same file becomes the same picture, so this is the key of the next one.
    const { avatarUrl } = body(await ben.put<Schemas["User"]>("/me/avatar", put));
    body(await ben.delete("/me/avatar"));
    const [, avatarKey] = avatarUrl.split("/media/");
    /** The pictures on the disk that no account and no video has. */
    const leftOver = async () => {
      const rows = await query<{ key: string }>(
        `select cover_key as key from video.video union select avatar_key from "user".account
         union select background_key from "user".account`,
      );
      const files = (await listFiles(blobs())).filter((file) => /^(cover|picture)\//.test(file));
      const keys = files.map((file) => `${file.split("/")[0]}/${file.split("/").at(-1)}`);
      return keys.filter((key) => rows.every((row) => row.key !== key));
    };
    await until("all is as it was", async () => (await leftOver()).length === 0);
    const holder = await connected();
    await holder.query("begin");
    await holder.query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [avatarKey]);
    await holder.query("select from video.video where id = $1 for share", [video.id]);
    const asked = Promise.allSettled([
      ada.put("/me/avatar", put),
      ada.patch(`/videos/${video.id}`, { json: { coverAtMs: 900 } }),
    ]);
    const left = await until("both are in their places", async () => {
      const keys = await leftOver();
      return keys.length === 2 && keys;
    });
    expect(left).toContain(avatarKey);
    await Promise.all(deployment.programs().map((program) => program.kill()));
    await holder.end();
    await asked;
    await restartAll();
    expect(await leftOver()).toEqual(left);
    for (const [job, kind] of [
      [`"user".job`, "remove-picture"],
      ["video.job", "release-unshown"],
    ]) {
      const due = `kind = '${kind}' and run_at > now() + interval '50 min'`;
      expect(await query(`update ${job} set run_at = now() where ${due} returning id`)).toHaveLength(1);
    }
    await until("they are gone", async () => (await leftOver()).length === 0);
    const now = body(await ada.get<Video>(`/videos/${video.id}`));
    expect(now.coverUrl).toBe(video.coverUrl);
    expect((await send("GET", now.coverUrl!)).status).toBe(200);
  });

  test("between commit and answer of a registration: the account is there, once", async () => {
    const json = { username: `unheard ${shape}`, password: "correct horse" };
    await betweenCommitAndAnswer(
      '"user".account',
      () => server.api("POST", "/users", { json }),
      () => Promise.all([deployment.programOf("user").kill(), deployment.programOf("gateway").kill()]),
    );
    await deployment.restart("user");
    if (shape === "split") await deployment.restart("gateway");
    expectProblem(await server.api("POST", "/users", { json }), 409, "NAME_TAKEN");
    await server.logIn(json.username, json.password);
  });

  test("of the database: an honest 503 while it is away, and service as soon as it is back", async () => {
    const ada = await server.register();
    const video = await ada.settled((await ada.publish(freshClip())).id);
    const unseen = await ada.settled((await ada.publish(freshClip())).id);
    expect((await send("GET", video.playUrl!)).status).toBe(200);
    const sessions = await query<{ pid: number }>("select pid from pg_stat_activity");
    await postgres.kill();
    // Until each has seen that the server is gone, it answers.
    await until("its sessions have ended", () => !sessions.some(({ pid }) => isAlive(pid)));
    const login = { username: ada.username, password: ada.password };
    for (const ask of [
      () => server.api("GET", "/feed"),
      () => server.api("GET", `/videos/${video.id}`),
      () => server.api("POST", "/sessions", { json: login }),
      () => server.api("POST", "/users", { json: { username: "late", password: "correct horse" } }),
      () => ada.upload(freshClip()),
    ]) {
      const problem = expectProblem(await ask(), 503, "DATABASE_UNAVAILABLE");
      expect(problem.retryAfterMs).toBeGreaterThan(0);
    }
    const readiness = await send<{ modules: Record<string, string> }>("GET", `${deployment.origin}/readyz`);
    expect(readiness.status).toBe(503);
    expect(readiness.body.modules.gateway).toContain("database");
    expect((await send("GET", `${deployment.origin}/livez`)).status).toBe(200);
    // What people watch goes on, and of the rest nobody can tell whether it is still public.
    expect((await send("GET", video.playUrl!)).status).toBe(200);
    expect((await send("GET", unseen.playUrl!)).status).toBe(503);

    await postgres.restart();
    await until("it serves again", async () => (await server.api("GET", "/feed")).status === 200);
    const again = await server.logIn(ada.username, ada.password);
    expect((await again.settled((await again.publish(freshClip())).id)).state).toBe("published");
    expect(body(await server.api<Video>("GET", `/videos/${video.id}`)).title).toBe(video.title);
    await until("it says that it is ready", async () => {
      return (await send("GET", `${deployment.origin}/readyz`)).status === 200;
    });
  });
});

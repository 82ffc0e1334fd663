import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { freePorts } from "#platform/testing/free-ports.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { clip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { holdTable } from "./harness/hold-locks.ts";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { listFiles } from "./harness/list-files.ts";
import { type Program, startProgram } from "./harness/program.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { nowAndThenMs, soonMs, until } from "./harness/within.ts";

type Video = Schemas["Video"];
const secret = "a secret of more than 32 bytes, for tests alone";

describe.each(shapes)("workers for media in processes of their own, %s", (shape) => {
  const server = scenario(shape, {
    env: { DOUYA_RUNGS: "90,180", DOUYA_MEDIA_WORKERS: "0", DOUYA_CLUSTER_SECRET: secret },
  });
  let scratch: string;
  const workers: Program[] = [];
  beforeEach(async () => {
    scratch = await mkdtemp(join(tmpdir(), "douya-media-"));
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.kill()));
    await rm(scratch, { recursive: true, force: true });
  });

  /** Given the address, the secret and a folder, and nothing else. */
  async function work(): Promise<Program> {
    const [port] = await freePorts(1);
    const worker = startProgram(["serve", "--target=media"], {
      DOUYA_DATA: scratch,
      DOUYA_SERVICES: `video=${server.deployment.rpcAddressOf("video")}`,
      DOUYA_CLUSTER_SECRET: secret,
      DOUYA_PORT: String(port),
    });
    workers.push(worker);
    await worker.printed(/Stop {5}Ctrl-C/);
    return worker;
  }
  const query = (text: string) => queryOnce(server.deployment.databaseUrlOf("video"), text);
  /** But what a killed worker was delivering, which is swept later. */
  const blobs = async () =>
    (await listFiles(join(server.deployment.dataDir, "blobs"))).filter((path) => !path.includes("staging"));
  const drafts = () => listFiles(join(scratch, "media"));
  const leased = async (kind: string) =>
    (await query(`select from video.job where kind = '${kind}' and lease_owner is not null`)).length > 0;
  /** As if the time were over for which a job belongs to a worker that says nothing. */
  const timeOver = () => query("update video.job set run_at = now() where kind in ('process', 'ladder')");
  const hold = (table: string) => holdTable(server.deployment.databaseUrlOf("video"), table);
  const told = async (type: string, id: string) =>
    (await query(`select from events.log where type = '${type}' and key = '${id}'`)).length;
  const improved = (id: string) =>
    until(
      "the rungs",
      async () => {
        const now = body(await server.api<Video>("GET", `/videos/${id}`));
        return now.hlsUrl !== null && now;
      },
      nowAndThenMs,
    );
  /** Everything about the video is gone, and nothing else was left. */
  async function remove(ada: Person, id: string): Promise<void> {
    expect((await ada.delete(`/videos/${id}`)).status).toBe(204);
    await until("no file is left", async () => (await blobs()).length === 0);
  }

  test("publish and make the rungs with nothing but an address and a secret, and leave no draft", async () => {
    const ada = await server.register();
    const { id } = await ada.publish(clip("rgb-silent.webm"));
    await work();
    expect(await ada.settled(id)).toMatchObject({ state: "published" });
    const { renditions, thumbHash, playUrl } = await improved(id);
    expect(renditions).toHaveLength(2);
    expect(thumbHash).not.toBe("");
    expect((await fetch(playUrl!)).status).toBe(200);
    await until("no draft is left", async () => (await drafts()).length === 0);
    expect([await told("video.published.v1", id), await told("video.improved.v1", id)]).toEqual([1, 1]);
    // Its source, its MP4, its cover, two rungs and a storyboard.
    expect(await blobs()).toHaveLength(6);
    await remove(ada, id);
  });

  test.each([
    ["video.blob_use", "process"],
    ["video.rendition", "ladder"],
  ])("killed before it could write %s, a worker leaves the job to the next one, and all is told once", async (table, kind) => {
    const ada = await server.register();
    const { id } = await ada.publish(clip("rgb-silent.webm"));
    const release = await hold(table);
    const first = await work();
    await until("the work", () => leased(kind), soonMs);
    await first.kill();
    await release();
    await timeOver();
    await work();
    expect(await ada.settled(id)).toMatchObject({ state: "published" });
    expect((await improved(id)).renditions).toHaveLength(2);
    expect([await told("video.published.v1", id), await told("video.improved.v1", id)]).toEqual([1, 1]);
    await remove(ada, id);
  });

  test("stopped for too long, a worker loses its job, and what it brings later changes nothing", async () => {
    const ada = await server.register();
    const { id } = await ada.publish(clip("rgb-silent.webm"));
    const release = await hold("video.blob_use");
    const slow = await work();
    await until("the work", () => leased("process"), 5);
    slow.signal("SIGSTOP");
    await release();
    await work();
    await ada.settled(id);
    const seen = await improved(id);
    slow.signal("SIGCONT");
    const other = await ada.publish(clip("upright-8s.mp4"));
    await improved(other.id);
    const { playUrl, coverUrl, renditions } = seen;
    expect(body(await server.api<Video>("GET", `/videos/${id}`))).toMatchObject({
      playUrl,
      coverUrl,
      renditions,
    });
    expect([await told("video.published.v1", id), await told("video.improved.v1", id)]).toEqual([1, 1]);
    expect((await ada.delete(`/videos/${other.id}`)).status).toBe(204);
    await remove(ada, id);
    await until("no draft is left", async () => (await drafts()).length === 0);
  });

  test("asked to stop, a worker gives its job back at once", async () => {
    const ada = await server.register();
    const { id } = await ada.publish(clip("rgb-silent.webm"));
    const release = await hold("video.blob_use");
    const worker = await work();
    await until("the work", () => leased("process"), 5);
    await release();
    await worker.stop();
    expect(await query("select from video.job where lease_owner is not null")).toEqual([]);
    expect(await drafts()).toEqual([]);
    await work();
    await improved(id);
    await remove(ada, id);
  });

  test("where none is there, /readyz says that what was sent waits for one", async () => {
    const ada = await server.register();
    const { id } = await ada.publish(clip("rgb-silent.webm"));
    const [origin] = /http:\/\/127\.0\.0\.1:\d+/.exec(server.deployment.programOf("video").output())!;
    const told = async () => {
      const { body } = await send<{ degraded?: Record<string, string> }>("GET", `${origin}/readyz`);
      return body.degraded?.mediaWorkers ?? "";
    };
    expect(await told()).toBe("");
    await query("update video.job set run_at = now() - interval '1 hour' returning id");
    await until("the word", async () => (await told()).startsWith("MEDIA_WORKERS_MISSING: 1 videos wait"));
    await work();
    await improved(id);
    await until("no word", async () => (await told()) === "");
    await remove(ada, id);
  });

  test("with another secret it gets nothing, and is told why", async () => {
    const [port] = await freePorts(1);
    const stranger = startProgram(["serve", "--target=media"], {
      DOUYA_DATA: scratch,
      DOUYA_SERVICES: `video=${server.deployment.rpcAddressOf("video")}`,
      DOUYA_CLUSTER_SECRET: `${secret}?`,
      DOUYA_PORT: String(port),
    });
    workers.push(stranger);
    await stranger.printed(/SERVICE_SECRET_DIFFERS/);
  });
});

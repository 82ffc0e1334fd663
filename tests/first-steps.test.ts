import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { freePorts } from "#platform/testing/free-ports.ts";
import { clip } from "./harness/clips.ts";
import { body, type Page, type Schemas, send } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { until } from "./harness/within.ts";

// Runs on every supported version of Node.js, so it uses all native parts: the program starts its own database,
// hashes with argon2 and, since there is no ffmpeg on its PATH, converts with node-av.
test("on an empty machine one registers, logs in, publishes, and everybody sees it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "douya-first-"));
  // The database may run as another account if this one is root.
  await chmod(folder, 0o755);
  const [port] = await freePorts(1);
  const program = startProgram(["serve"], {
    DOUYA_DATA: join(folder, "data"),
    DOUYA_PORT: String(port),
    PATH: folder,
  });
  try {
    await program.printed(/Stop {5}Ctrl-C/);
    const api = `http://127.0.0.1:${port}/api/v1`;
    const json = { username: "ada", password: "correct horse" };
    body(await send("POST", `${api}/users`, { json }), 201);
    const { accessToken: token } = body(
      await send<Schemas["Session"]>("POST", `${api}/sessions`, { json }),
      201,
    );
    const upload = body(
      await send<Schemas["Upload"]>("POST", `${api}/uploads`, { token, bytes: clip("recorder.webm") }),
      201,
    );
    const title = `Under Node.js ${process.version}`;
    body(await send("POST", `${api}/videos`, { token, json: { uploadId: upload.id, title } }), 201);
    const video = await until("it is in the feed", async () => {
      const { items } = body(await send<Page<Schemas["Video"]>>("GET", `${api}/feed`));
      return items.find((item) => item.title === title);
    });
    const file = await send("GET", new URL(video.playUrl!, api).href);
    expect([file.status, file.headers.get("content-type")]).toEqual([200, "video/mp4"]);
    await program.stop();
    expect(await program.ended).toEqual({ code: 0, signal: null });
    expect(program.output()).toContain("Everything is saved.");
  } finally {
    await program.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

import { beforeAll, describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";

type Video = Schemas["Video"];
interface Share {
  code: string;
  url: string;
}

describe.each(shapes)("shared links, %s", (shape) => {
  const server = scenario(shape);
  let ada: Person;
  let ben: Person;
  let friend: Person;
  let video: Video;

  beforeAll(async () => {
    [ada, ben, friend] = [await server.register(), await server.register(), await server.register()];
    body(await ada.put(`/users/${friend.id}/follow`), 204);
    body(await friend.put(`/users/${ada.id}/follow`), 204);
    video = await ada.settled((await ada.publish(freshClip())).id);
  });
  const share = async (person: Person) => body(await person.post<Share>(`/videos/${video.id}/shares`), 201);
  const set = async (visibility: Video["visibility"]) =>
    body(await ada.patch<Video>(`/videos/${video.id}`, { json: { visibility } }));
  const open = async (url: string) => {
    const { status, headers } = await send("GET", url, { headers: { accept: "text/html" } });
    return [status, headers.get("location")];
  };

  test("lead to the video without telling its id, and count once for each person and day", async () => {
    const first = await share(ben);
    expect(first.code).toMatch(/^[0-9A-Za-z]{10}$/);
    expect(first.url).toBe(`${server.origin}/s/${first.code}`);
    expect(await share(ben)).toEqual(first);
    const shown = async () =>
      body(await server.api<Page<Video>>("GET", "/feed")).items.find(({ id }) => id === video.id)!.counts;
    expect((await shown()).shares).toBe(1);
    expect((await share(ada)).code).not.toBe(first.code);
    expect((await shown()).shares).toBe(2);
    expect(await open(first.url)).toEqual([302, `/video/${video.id}`]);
    expect(body(await server.api<Video>("GET", `/shares/${first.code}`)).id).toBe(video.id);
    for (const code of ["0000000000", "1", video.id, first.code.slice(1)]) {
      expectProblem(await server.api("GET", `/shares/${code}`), 404, "VIDEO_NOT_FOUND");
      expect(await open(`${server.origin}/s/${code}`)).toEqual([404, null]);
    }
    expect((await server.api("POST", `/videos/${video.id}/shares`)).status).toBe(401);
  });

  test("lead only those there who may see the video, with the next request", async () => {
    const { code, url } = await share(ben);
    const sees = async (person: Person) => (await person.get(`/shares/${code}`)).status === 200;
    for (const [visibility, page, bens, friends] of [
      ["private", 404, false, false],
      ["friends", 404, false, true],
      ["unlisted", 302, true, true],
      ["private", 404, false, false],
      ["public", 302, true, true],
    ] as const) {
      await set(visibility);
      const found = [(await open(url))[0], await sees(ben), await sees(friend), await sees(ada)];
      expect({ visibility, found }).toEqual({ visibility, found: [page, bens, friends, true] });
    }
    await set("private");
    expectProblem(await ben.post(`/videos/${video.id}/shares`), 404, "VIDEO_NOT_FOUND");
    await set("public");
  });

  test("end with the video", async () => {
    const { code, url } = await share(ben);
    body(await ada.delete(`/videos/${video.id}`), 204);
    expect(await open(url)).toEqual([404, null]);
    expectProblem(await ada.get(`/shares/${code}`), 404, "VIDEO_NOT_FOUND");
  });
});

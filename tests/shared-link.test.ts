import { beforeAll, describe, expect, test } from "vitest";
import { freshClip } from "./harness/clips.ts";
import { type Shape, shapes } from "./harness/deployment.ts";
import { send } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { wholePage } from "./harness/whole-page.ts";

describe.each(shapes)("a link to a video, pasted into a chat, %s", (shape: Shape) => {
  const server = scenario(shape);
  let ada: Person;
  beforeAll(async () => {
    ada = await server.register();
  });
  const open = (id: string, headers: Record<string, string> = {}) =>
    wholePage(`${server.origin}/video/${id}`, headers);
  const publish = async (title: string) => ada.settled((await ada.publish(freshClip(), title)).id);
  const plain = () => open("1");

  test("shows its title, its author, its cover and itself, on a page that is the client's", async () => {
    const video = await publish("Cats & 猫");
    const page = await open(video.id);
    expect(page.status).toBe(200);
    const tagged = (name: string) =>
      new RegExp(`<meta (?:property|name)="${name}" content="([^"]*)" />`).exec(page.text)?.[1];
    expect(tagged("og:type")).toBe("video.other");
    expect(tagged("og:title")).toBe("Cats &#38; 猫");
    expect(tagged("og:description")).toContain(`@${ada.username}`);
    expect(tagged("description")).toBe(tagged("og:description"));
    expect(tagged("og:url")).toBe(`${server.origin}/video/${video.id}`);
    expect(tagged("og:image")).toBe(video.coverUrl);
    expect(tagged("og:video")).toBe(video.playUrl);
    expect(tagged("og:video:type")).toBe("video/mp4");
    expect(tagged("twitter:card")).toBe("summary_large_image");
    expect(page.text).toContain(`<link rel="canonical" href="${server.origin}/video/${video.id}" />`);
    expect(page.text.match(/<title>.*<\/title>/g)).toEqual(["<title>Cats &#38; 猫 · Douya</title>"]);
    expect(page.text.match(/name="description"/g)).toHaveLength(1);
    const general = await plain();
    for (const name of ["cache-control", "content-type", "referrer-policy"])
      expect(page.headers.get(name), name).toBe(general.headers.get(name));
    expect(page.headers.get("cache-control")).toBe("no-cache");
    const policy = page.headers.get("content-security-policy")!;
    // The page's own style, the shape of its film, is allowed by its hash and is the only addition.
    const style = / 'sha256-[^']+'$/;
    expect(policy).toMatch(style);
    expect(policy.replace(style, "")).toBe(general.headers.get("content-security-policy"));
    const script = /<script[^>]* src="[^"]+"/.exec(page.text)?.[0];
    expect(script).toBeTruthy();
    expect(general.text).toContain(script);
  });

  test("a title stays a text, whatever it says", async () => {
    const video = await publish(`"><script>alert('$&')</script></title>`);
    const { text } = await open(video.id);
    expect(text).toContain(
      'content="&#34;&#62;&#60;script&#62;alert(&#39;$&#38;&#39;)&#60;/script&#62;&#60;/title&#62;"',
    );
    expect(text).not.toContain("<script>alert");
    expect(text.match(/<\/title>/g)).toHaveLength(1);
  });

  test("for an unknown or deleted video there is the plain page", async () => {
    const general = await plain();
    expect(general.status).toBe(404);
    expect(general.text).toContain("<title>Douya</title>");
    expect(general.text).not.toContain("og:");
    for (const id of ["%3Cscript%3E", "0", "01", "-1", "1.5", "9".repeat(40)]) {
      const page = await open(id);
      expect([page.status, page.text], id).toEqual([404, general.text]);
    }
    const video = await publish("Soon gone");
    expect((await open(video.id)).text).toContain("Soon gone");
    expect((await ada.delete(`/videos/${video.id}`)).status).toBe(204);
    expect(await open(video.id)).toMatchObject({ status: 404, text: general.text });
  });
});

describe("a link while the service of videos is gone, split", () => {
  const server = scenario("split");

  test("opens the plain page, and says what it lacks", async () => {
    const ada = await server.register();
    const video = await ada.settled((await ada.publish(freshClip(), "Away")).id);
    await server.deployment.programOf("video").kill();
    const page = await send("GET", `${server.origin}/video/${video.id}`);
    expect(page.status).toBe(200);
    expect(page.text).toContain("<title>Douya</title>");
    expect(page.text).not.toContain("og:");
    // Both are asked for at once, so either may fail first.
    expect(page.headers.get("douya-missing")?.split(", ").sort()).toEqual(["first-screen", "preview"]);
  });
});

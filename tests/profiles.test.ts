import { describe, expect, test } from "vitest";
import { clip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Schemas, send } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";

type User = Schemas["User"];

describe.each(shapes)("profiles, %s", (shape) => {
  const server = scenario(shape);

  async function picture(url: string) {
    const response = await fetch(url);
    expect(response.status).toBe(200);
    return {
      type: response.headers.get("content-type"),
      bytes: Buffer.from(await response.arrayBuffer()),
    };
  }

  test("name and signature change, for everybody at once; the user name stays", async () => {
    const ada = await server.register();
    const signature = "数学 👩‍👧 countess";
    const changed = body(await ada.patch<User>("/me", { json: { name: "  Ada L. ", signature } }));
    expect(changed).toMatchObject({ username: ada.username, name: "Ada L.", signature });
    expect(body(await server.api<User>("GET", `/users/${ada.id}`))).toEqual(changed);
    expect(body(await ada.patch<User>("/me", { json: { name: "Ada" } }))).toMatchObject({ signature });
    expect(body(await ada.patch<User>("/me", { json: {} }))).toMatchObject({ name: "Ada", signature });
    await server.logIn(ada.username, ada.password);
  });

  test("people without pictures get generated ones, of many kinds", async () => {
    const ada = await server.register();
    const one = await picture(ada.session.user.avatarUrl);
    expect(one.type).toBe("image/png");
    expect(one.bytes.subarray(1, 4).toString()).toBe("PNG");
    // People may share one of 256.
    const others = await Promise.all([1, 2, 3, 4].map(() => server.register()));
    const theirs = await Promise.all(others.map(({ session }) => picture(session.user.avatarUrl)));
    expect(theirs.every(({ bytes }) => bytes.equals(one.bytes))).toBe(false);
    expect(one.bytes).toEqual((await picture(ada.session.user.avatarUrl)).bytes);
    expect((await picture(ada.session.user.backgroundUrl)).bytes.subarray(1, 4).toString()).toBe("PNG");
  });

  test.each([
    "avatar",
    "background",
  ] as const)("an own %s is redrawn as a JPEG, and can be taken back", async (kind) => {
    const ada = await server.register();
    const urlOf = (user: User) => (kind === "avatar" ? user.avatarUrl : user.backgroundUrl);
    for (const file of ["half.png", "half.webp", "moving.gif", "bright-left.jpg"]) {
      const user = body(await ada.put<User>(`/me/${kind}`, { bytes: clip(file) }));
      const shown = await picture(urlOf(user));
      expect(shown.type).toBe("image/jpeg");
      expect(shown.bytes.subarray(0, 3)).toEqual(Buffer.from([0xff, 0xd8, 0xff]));
      expect(urlOf(body(await server.api<User>("GET", `/users/${ada.id}`)))).toBe(urlOf(user));
    }
    const before = urlOf(body(await ada.get<User>("/me")));
    const user = body(await ada.delete<User>(`/me/${kind}`));
    expect(urlOf(user)).toBe(urlOf(ada.session.user));
    expect((await send("GET", before)).status).toBe(404);
  });

  test("two people may have the same picture; it goes with the last of them", async () => {
    const [ada, ben] = [await server.register(), await server.register()];
    const { avatarUrl } = body(await ada.put<User>("/me/avatar", { bytes: clip("half.png") }));
    expect(body(await ben.put<User>("/me/avatar", { bytes: clip("half.png") })).avatarUrl).toBe(avatarUrl);
    body(await ada.delete("/me/avatar"));
    await picture(avatarUrl);
    body(await ben.delete("/me/avatar"));
    expect((await send("GET", avatarUrl)).status).toBe(404);
  });

  test("a file that is no picture is refused and changes nothing", async () => {
    const ada = await server.register();
    const put = (bytes: Uint8Array<ArrayBuffer>) => ada.put("/me/avatar", { bytes });
    expectProblem(await put(clip("compliant.mp4")), 422, "NOT_A_PICTURE");
    expectProblem(await put(Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'/>")), 422, "NOT_A_PICTURE");
    expectProblem(await put(Buffer.alloc(0)), 422, "EMPTY_FILE");
    expectProblem(await put(clip("half.png").subarray(0, 60)), 422, "PICTURE_DAMAGED");
    expectProblem(await put(Buffer.alloc(8 * 1024 * 1024 + 1, clip("half.png"))), 413, "BODY_TOO_LARGE");
    expect(body(await ada.get<User>("/me"))).toEqual({
      ...ada.session.user,
      closingRefused: null,
      mutedUntil: null,
    });
  });
});

import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { zh } from "#apps/web/src/i18n/zh.ts";
import { enModerating } from "#apps/web/src/moderation/en-moderating.ts";
import { browsing, holdRequests, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { befriend } from "./harness/friends.ts";
import { doubleTap, drag } from "./harness/gestures.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe("people with each other", () => {
  const server = scenario("all");
  const browser = browsing();

  /** A person with a video. */
  async function creator(title = "A title") {
    const person = await server.register();
    const { id } = await person.publish(freshClip(), title);
    await person.settled(id);
    return { person, videoId: id };
  }
  /** The phone's language is Chinese here, the desktop's English. */
  const sit = (person: Person, device: "phone" | "desk") =>
    browser.visit(server.origin, device, loggedIn(server.origin, person.session));
  const videoOf = async (person: Person, id: string) =>
    body(await person.get<Schemas["Video"]>(`/videos/${id}`));
  const userOf = async (person: Person, id: string) =>
    body(await person.get<Schemas["User"]>(`/users/${id}`));

  test("two people like, follow, comment and reply, on a phone and on a desk", async () => {
    const { person: ada, videoId } = await creator();
    const bob = await server.register();
    const phone = await sit(bob, "phone");
    await phone.page.goto(`/video/${videoId}`);
    const onPhone = inView(phone.page);
    const like = onPhone.getByRole("button", { name: new RegExp(`^${zh.like}`) });
    await plays(onPhone);

    await doubleTap(phone, onPhone.locator(".stage"));
    await expect.poll(() => like.textContent()).toMatch(/1$/);
    await plays(onPhone);
    // A second double tap does not withdraw it, the heart itself does.
    await doubleTap(phone, onPhone.locator(".stage"));
    await plays(onPhone);
    expect(await like.getAttribute("aria-pressed")).toBe("true");
    await until("the like", async () => (await videoOf(bob, videoId)).reaction === "like");
    await like.tap();
    await until("no like", async () => (await videoOf(bob, videoId)).counts.likes === 0);
    await like.tap();
    await until("the like again", async () => (await videoOf(bob, videoId)).counts.likes === 1);

    await onPhone.getByRole("button", { name: zh.actOn(zh.follow, ada.username) }).tap();
    await until("the follow", async () => (await userOf(bob, ada.id)).followed);
    await onPhone.locator(".rail-follow").waitFor({ state: "detached" });

    await onPhone.getByRole("button", { name: zh.comments }).tap();
    const sheet = phone.page.getByRole("dialog");
    await sheet.getByText(zh.noComments).waitFor();
    await sheet.getByLabel(zh.writeComment).fill("第一！");
    await sheet.getByRole("button", { name: zh.send, exact: true }).tap();
    await sheet.getByText("第一！", { exact: true }).waitFor();
    await sheet.getByRole("heading", { name: zh.commentsOf("1") }).waitFor();
    await plays(onPhone);
    await drag(phone, sheet.getByRole("heading"), 300);
    await sheet.waitFor({ state: "detached" });
    expect(await onPhone.getByRole("button", { name: zh.comments }).textContent()).toMatch(/1$/);

    const desk = await sit(ada, "desk");
    await desk.page.goto(`/video/${videoId}`);
    await plays(inView(desk.page));
    await desk.page.keyboard.press("c");
    const panel = desk.page.getByRole("complementary");
    await panel.getByRole("button", { name: en.replyTo(bob.username) }).click();
    await desk.page.keyboard.type("Thank you, Bob. Let us call it c, l and f.");
    await desk.page.keyboard.press("Enter");
    await panel.getByText("Thank you, Bob.").waitFor();
    await panel.getByText(en.creator, { exact: true }).waitFor();
    await panel.getByRole("button", { name: en.pin, exact: true }).click();
    await panel.getByText(en.pinned, { exact: true }).waitFor();
    await panel.getByRole("link", { name: bob.username }).first().click();
    await desk.page.getByText(en.followsYou, { exact: true }).waitFor();
    await desk.page.getByRole("button", { name: en.followBack }).click();
    await desk.page.getByRole("button", { name: en.friends }).waitFor();
    await until("both follow", async () => (await userOf(bob, ada.id)).followsYou);

    await phone.page.goto(`/video/${videoId}?comments`);
    await phone.page.getByRole("button", { name: zh.showReplies("1") }).tap();
    await phone.page.getByText("Thank you, Bob.").waitFor();
    await phone.page.getByText(zh.pinned, { exact: true }).waitFor();
  });

  test("friends chat: unread marks, and answers that come by themselves", async () => {
    const [ada, bob] = [await server.register(), await server.register()];
    await befriend(ada, bob);
    const [desk, phone] = [await sit(ada, "desk"), await sit(bob, "phone")];
    await desk.page.goto("/hot");
    await phone.page.goto(`/messages/${ada.id}`);
    await phone.page.getByLabel(zh.writeMessage).fill("你好！\n在吗？");
    await phone.page.getByRole("button", { name: zh.send, exact: true }).tap();
    await phone.page.locator(".bubble:not(.bubble-waiting)", { hasText: "在吗？" }).waitFor();

    const navigation = desk.page.getByRole("navigation", { name: en.mainNavigation });
    const unreadMark = navigation.locator('a[href="/messages"]').getByText(en.unread("1"));
    await unreadMark.waitFor({ state: "attached" });
    await navigation.getByRole("link", { name: en.messages }).click();
    // A friend with a conversation appears there once.
    const row = desk.page.getByRole("main").getByRole("link", { name: bob.username });
    await row.getByText(en.unread("1")).waitFor({ state: "attached" });
    expect(await row.count()).toBe(1);
    expect(await desk.page.getByRole("navigation", { name: en.friendsList }).count()).toBe(0);
    await desk.page.getByRole("list").getByRole("link", { name: bob.username }).click();
    await desk.page.locator(".bubble", { hasText: "在吗？" }).waitFor();
    await unreadMark.waitFor({ state: "detached" });

    for (const words of ["Here I am.", "Where are you?"]) {
      await desk.page.getByLabel(en.writeMessage).fill(words);
      await desk.page.keyboard.press("Enter");
      await phone.page.locator(".bubble", { hasText: words }).waitFor();
    }
    expect(await phone.page.locator(".bubble").allTextContents()).toEqual([
      `${zh.you}: 你好！\n在吗？`,
      `${ada.username}: Here I am.`,
      `${ada.username}: Where are you?`,
    ]);
    await phone.page.goto("/messages");
    await phone.page.getByRole("list").getByText("Where are you?").waitFor();
    await expect
      .poll(async () => body(await bob.get<{ messages: number }>("/me/unread")))
      .toMatchObject({ messages: 0 });
  });

  test("a stranger who may write no more is told so, and keeps the text", async () => {
    const [ada, carol] = [await server.register(), await server.register()];
    const visitor = await sit(carol, "phone");
    const { page } = visitor;
    visitor.expectStatus(403);
    await page.goto(`/messages/${ada.id}`);
    await page.getByText(zh.strangerHint(ada.username)).waitFor();
    for (const words of ["one", "two", "three", "four"]) {
      await page.getByLabel(zh.writeMessage).fill(words);
      await page.getByRole("button", { name: zh.send, exact: true }).tap();
      if (words !== "four") await page.locator(".bubble:not(.bubble-waiting)", { hasText: words }).waitFor();
    }
    const refusal = page.getByRole("alert");
    await refusal.getByText(zh.strangerRefused(ada.username)).waitFor();
    await expect.poll(() => page.getByLabel(zh.writeMessage).inputValue()).toBe("four");
    await expect.poll(() => page.locator(".bubble").count()).toBe(3);
    // As the refusal advises: with the other's follow they are friends.
    body(await ada.put(`/users/${carol.id}/follow`), 204);
    await refusal.getByRole("button", { name: zh.follow }).tap();
    await until("friends", async () => (await userOf(carol, ada.id)).followed);
    await page.getByRole("button", { name: zh.send, exact: true }).tap();
    await page.locator(".bubble:not(.bubble-waiting)", { hasText: "four" }).waitFor();
    await refusal.waitFor({ state: "detached" });
  });

  test("a message whose answer was lost is sent again and appears once", async () => {
    const [ada, bob] = [await server.register(), await server.register()];
    await befriend(ada, bob);
    const visitor = await sit(ada, "desk");
    const { page } = visitor;
    visitor.expectStatus(503);
    await page.goto(`/messages/${bob.id}`);
    await page.route(
      `**/conversations/${bob.id}/messages`,
      async (route) => {
        expect((await route.fetch()).status()).toBe(201);
        await route.fulfill({ status: 503 });
      },
      { times: 1 },
    );
    await page.getByLabel(en.writeMessage).fill("Only once");
    await page.keyboard.press("Enter");
    await page.locator(".bubble:not(.bubble-waiting)", { hasText: "Only once" }).waitFor();
    await page.locator(".bubble-waiting").waitFor({ state: "detached" });
    type Sent = { items: Schemas["Message"][] };
    const sent = body(await bob.get<Sent>(`/conversations/${ada.id}/messages`));
    expect(sent.items.map(({ content }) => content)).toEqual(["Only once"]);
  });

  test("a read position that did not reach the server is sent again", async () => {
    const [ada, bob] = [await server.register(), await server.register()];
    body(await bob.post(`/conversations/${ada.id}/messages`, { json: { content: "Hello" } }), 201);
    const visitor = await sit(ada, "desk");
    const { page } = visitor;
    visitor.expectStatus(503);
    await page.route(`**/conversations/${bob.id}/read`, (route) => route.fulfill({ status: 503 }), {
      times: 1,
    });
    await page.goto(`/messages/${bob.id}`);
    const unread = async () => body(await ada.get<{ messages: number }>("/me/unread")).messages;
    await until("read", async () => (await unread()) === 0);
  });

  test("a refused action is rolled back with the reason, and the text stays", async () => {
    const { person: ada, videoId } = await creator();
    const dave = await server.register();
    const visitor = await sit(dave, "desk");
    const { page } = visitor;
    await page.goto(`/video/${videoId}?comments`);
    const panel = page.getByRole("complementary");
    await panel.getByText(en.noComments).waitFor();
    body(await ada.put(`/videos/${videoId}/comments-closed`), 204);
    visitor.expectStatus(409, 404);
    await panel.getByLabel(en.writeComment).fill("Too late?");
    await page.keyboard.press("Enter");
    await panel.getByRole("alert").getByText(en.reasons.COMMENTS_CLOSED).waitFor();
    await expect.poll(() => panel.getByLabel(en.writeComment).inputValue()).toBe("Too late?");
    await page.keyboard.press("Escape");
    await panel.waitFor({ state: "detached" });

    body(await ada.delete(`/videos/${videoId}`), 204);
    await until("likes are refused", async () => (await ada.put(`/videos/${videoId}/like`)).status === 404);
    const like = inView(page).getByRole("button", { name: new RegExp(`^${en.like}`) });
    // As far as the page knows the video exists: the heart fills, and empties again.
    const pressed = await watchPressed(like);
    await page.keyboard.press("l");
    await page.getByRole("status").getByText(en.reasons.VIDEO_NOT_FOUND).waitFor();
    await expect.poll(pressed).toEqual(["true", "false"]);
    await expect.poll(() => like.textContent()).toBe(`${en.like}`);
  });

  test("a guest who wants to comment logs in and is back at the same video and its comments", async () => {
    await creator("the older");
    const { person: ada, videoId } = await creator("the newer");
    // So many that the older one is no longer on the first page.
    const newerMs = Date.parse((await videoOf(ada, videoId)).publishedAt!);
    await copyVideo(server.deployment.databaseUrl, videoId, 12, (i) => newerMs - 20 + i);
    const { page } = await browser.visit(server.origin, "desk", { reducedMotion: "reduce" });
    await page.goto("/");
    await inView(page).getByText("the newer").waitFor();
    while (!(await inView(page).textContent())?.includes("the older")) await onward(page);
    await page.keyboard.press("c");
    await page.getByRole("complementary").getByLabel(en.writeComment).click();
    const dialog = page.getByRole("dialog", { name: en.loginTo.comment });
    await dialog.getByRole("link", { name: en.logIn }).click();
    await page.getByLabel(en.username).fill(ada.username);
    await page.getByLabel(en.password, { exact: true }).fill(ada.password);
    await page.getByRole("button", { name: en.loginAction }).click();
    await page.getByRole("complementary").waitFor();
    expect(await inView(page).textContent()).toContain("the older");
    await page.goBack();
    await page.getByRole("complementary").waitFor({ state: "detached" });
  });

  test("followed people have a feed of their own, without blocked ones", async () => {
    const { person: ada, videoId } = await creator("sown by Ada");
    const bob = await server.register();
    body(await (await server.register()).put(`/users/${ada.id}/follow`), 204);
    const { page } = await sit(bob, "desk");
    await page.goto("/");
    await page.getByRole("button", { name: en.feedFollowing, exact: true }).click();
    await page.getByRole("heading", { name: en.followingEmptyTitle }).waitFor();
    await page.getByRole("button", { name: en.actOn(en.follow, ada.username) }).click();
    await until("the follow", async () => (await userOf(bob, ada.id)).followed);
    await until("her video", async () => {
      const button = page.getByRole("button", { name: en.seeTheirVideos });
      if (await button.isVisible()) await button.click();
      return inView(page).getByText("sown by Ada").isVisible();
    });
    // The tab is remembered.
    await page.reload();
    await inView(page).getByText("sown by Ada").waitFor();
    expect(videoId).not.toBe("");

    await inView(page).getByRole("link", { name: ada.username }).first().click();
    await page.getByRole("button", { name: en.moreActions }).click();
    await page.getByRole("button", { name: en.block }).click();
    await page.getByRole("dialog", { name: en.blockTitle(ada.username) }).waitFor();
    await page.getByRole("button", { name: en.block }).click();
    await page.getByRole("button", { name: en.unblock }).waitFor();
    await until("the block", async () => (await userOf(bob, ada.id)).blocked);
    await page.getByRole("link", { name: en.home }).click();
    await page.getByRole("heading", { name: en.followingEmptyTitle }).waitFor();
    await page.getByRole("link", { name: en.settings }).click();
    await page.getByRole("button", { name: en.actOn(en.unblock, ada.username) }).click();
    await page.getByText(en.nobodyBlocked).waitFor();
    expect(await userOf(bob, ada.id)).toMatchObject({ blocked: false, followed: false });
  });

  test("pages of only blocked people's videos are skipped", async () => {
    await creator("not by Ada");
    const { person: ada, videoId } = await creator("by Ada");
    const newestMs = Date.parse((await videoOf(ada, videoId)).publishedAt!);
    await copyVideo(server.deployment.databaseUrl, videoId, 20, (i) => newestMs + i);
    const bob = await server.register();
    body(await bob.put(`/users/${ada.id}/block`), 204);
    const { page } = await sit(bob, "desk");
    await page.goto("/");
    await inView(page).getByText("not by Ada").waitFor();
  });

  test("an account is deleted only with its password", async () => {
    const ada = await server.register();
    const visitor = await sit(ada, "phone");
    const { page } = visitor;
    await page.goto("/settings");
    await page.getByRole("button", { name: zh.deleteAccount }).tap();
    const dialog = page.getByRole("dialog", { name: zh.deleteAccountTitle });
    const password = dialog.getByLabel(zh.password, { exact: true });
    visitor.expectStatus(403);
    await password.fill("not that one");
    await dialog.getByRole("button", { name: zh.deleteAccountAction }).tap();
    await dialog.getByText(zh.reasons.WRONG_PASSWORD).waitFor();
    await password.fill(ada.password);
    await dialog.getByRole("button", { name: zh.deleteAccountAction }).tap();
    await page.getByText(zh.accountDeleted).waitFor();
    await page.getByRole("link", { name: zh.logIn }).waitFor();
    expect((await ada.get("/me")).status).toBe(401);
  });

  test("long lists load more at their end: comments, replies, and older messages", async () => {
    const { person: ada, videoId } = await creator();
    const bob = await server.register();
    await befriend(ada, bob);
    const say = async (text: string, rootId?: string) => {
      const path = rootId ? `/videos/${videoId}/comments/${rootId}/replies` : `/videos/${videoId}/comments`;
      return body(await bob.post<Schemas["Comment"]>(path, { json: { text } }), 201);
    };
    const oldest = await say("comment 0");
    for (let i = 0; i < 7; i++) await say(`reply ${i}`, oldest.id);
    for (let i = 1; i < 45; i++) await say(`comment ${i}`);
    const write = (content: string) => bob.post(`/conversations/${ada.id}/messages`, { json: { content } });
    for (let i = 0; i < 70; i++) body(await write(`message ${i}`), 201);

    const { page } = await sit(ada, "phone");
    // A busy browser tells of several states at once, the latest as the last.
    await page.addInitScript(`const Native = IntersectionObserver;
      globalThis.IntersectionObserver = class extends Native {
        constructor(tell, options) {
          super((entries) => tell([{ isIntersecting: false }, ...entries]), options);
        }
      };`);
    await page.goto(`/video/${videoId}?comments`);
    const texts = page.locator(".comment:not([data-reply=true]) > .comment-body > .comment-text");
    // The one with replies is the hottest, and the oldest.
    await expect.poll(() => texts.first().textContent()).toBe("comment 0");
    await page.getByRole("button", { name: zh.showReplies("7") }).tap();
    await page.getByText("reply 4", { exact: true }).waitFor();
    await page.getByRole("button", { name: zh.moreReplies }).tap();
    await page.getByText("reply 6", { exact: true }).waitFor();
    await page.getByRole("button", { name: zh.sortTime }).tap();
    await expect.poll(() => texts.first().textContent()).toBe("comment 44");
    await until("the oldest comment", async () => {
      await page.locator(".comments-list").evaluate((list) => list.scrollTo(0, list.scrollHeight));
      return (await texts.last().textContent()) === "comment 0";
    });
    expect(new Set(await texts.allTextContents()).size).toBe(45);

    await page.goto(`/messages/${bob.id}`);
    await page.locator(".bubble", { hasText: "message 69" }).waitFor();
    const bubbles = page.locator(".bubble");
    await until("the oldest message", async () => {
      await page.getByRole("log").evaluate((list) => list.scrollTo(0, -list.scrollHeight));
      return (await bubbles.first().textContent())?.endsWith("message 0");
    });
    expect(await bubbles.count()).toBe(70);
  });

  test("a moderator puts a video on hold and deletes a comment; others are not offered it", async () => {
    const { person: ada, videoId } = await creator();
    const mo = await server.register();
    const comment = body(
      await ada.post<Schemas["Comment"]>(`/videos/${videoId}/comments`, { json: { text: "Rude." } }),
      201,
    );
    const { dataDir, databaseUrl } = server.deployment;
    const command = startProgram(["moderator", "add", mo.username], {
      DOUYA_DATA: dataDir,
      DOUYA_DATABASE_URL: databaseUrl,
    });
    expect(await command.ended).toMatchObject({ code: 0 });
    // A role takes effect after a moment.
    await until("the role", async () => {
      const first = await mo.delete(`/videos/${videoId}/hold`);
      return first.status === 204;
    });
    const { page } = await sit(await server.logIn(mo.username, mo.password), "desk");
    await page.goto(`/video/${videoId}?comments`);
    await page.getByText(comment.text, { exact: true }).waitFor();
    await page.getByRole("complementary").getByRole("button", { name: en.deleteAction }).click();
    const because = async (action: string, reason: string) => {
      await page.getByRole("dialog").getByLabel(enModerating.moderationReason).fill(reason);
      await page.getByRole("dialog").getByRole("button", { name: action }).click();
    };
    await because(en.deleteAction, "An insult.");
    await page.getByText(en.noComments).waitFor();
    await inView(page).getByRole("button", { name: en.moreActions }).click();
    await page.getByRole("button", { name: en.hold }).click();
    await because(en.hold, "Somebody else's film.");
    await page.getByRole("button", { name: en.release }).waitFor();
    expect(await videoOf(ada, videoId)).toMatchObject({ held: true, counts: { comments: 0 } });

    const { page: others } = await browser.visit(server.origin, "desk");
    await others.goto(`/video/${videoId}`);
    await inView(others).getByRole("button", { name: en.moreActions }).click();
    await others.getByRole("button", { name: en.dislike }).waitFor();
    expect(await others.getByRole("button", { name: en.hold }).count()).toBe(0);
  });

  test("a profile leads to likes, followed people and followers", async () => {
    const { person: ada, videoId } = await creator("much liked");
    const bob = await server.register();
    await befriend(ada, bob);
    body(await bob.put(`/videos/${videoId}/like`), 204);
    const { page } = await browser.visit(server.origin, "phone");
    await page.goto(`/user/${bob.id}`);
    await page.getByText(zh.noVideos).waitFor();
    await page.getByRole("button", { name: zh.liked }).tap();
    await page.getByRole("link", { name: zh.openVideo("much liked") }).tap();
    await plays(inView(page));
    await page.getByRole("button", { name: zh.back }).tap();
    // The same tab as before.
    await page.getByRole("link", { name: zh.openVideo("much liked") }).waitFor();
    await page.getByRole("link", { name: zh.followers }).tap();
    await page.getByRole("list").getByRole("link", { name: ada.username }).waitFor();
    await page.getByRole("button", { name: zh.friends, exact: true }).tap();
    await page.getByRole("list").getByRole("link", { name: ada.username }).waitFor();
    await page.getByRole("button", { name: zh.actOn(zh.follow, ada.username) }).tap();
    await page.getByRole("dialog", { name: zh.loginTo.follow }).waitFor();
  });

  test("a shared link shows its video to a guest, and everybody's videos after it", async () => {
    const { videoId } = await creator("shared");
    const { person: other } = await creator("somebody else's");
    const { page } = await browser.visit(server.origin, "phone");
    const release = await holdRequests(page, "**/api/v1/users/*/videos*");
    await page.goto(`/video/${videoId}`);
    await plays(inView(page));
    expect(await inView(page).textContent()).toContain("shared");
    // A viewer who is faster than the list waits for the next one in its place.
    await page.keyboard.press("ArrowDown");
    const slides = `(({ scrollTop, clientHeight }) => scrollTop / clientHeight)(document.querySelector(".feed-scroller"))`;
    await expect.poll(() => page.evaluate(slides)).toBe(1);
    release();
    await until("the next one", async () => (await inView(page).textContent())?.includes(other.username));
    await plays(inView(page));
  });
});

const inView = (page: Page) => page.locator("article[data-active=true]");

async function plays(slide: Locator) {
  const time = () => slide.locator("video").evaluate((video): number => video.currentTime);
  const start = await time();
  // Both ways, since a short clip may start again meanwhile.
  await until("it plays", async () => Math.abs((await time()) - start) > 0.3);
}

async function onward(page: Page) {
  const place = () => inView(page).getAttribute("aria-posinset");
  const before = await place();
  await page.keyboard.press("ArrowDown");
  await until("the next video", async () => (await place()) !== before);
}

/** The values of a button's `aria-pressed` from now on. */
async function watchPressed(button: Locator): Promise<() => Promise<string[]>> {
  await button.evaluate((element) => {
    const { defaultView: view } = element.ownerDocument;
    view.pressed = [];
    new view.MutationObserver(() => view.pressed.push(element.ariaPressed)).observe(element, {
      attributeFilter: ["aria-pressed"],
    });
  });
  return () => button.page().evaluate("pressed");
}

import type { Page as BrowserPage } from "playwright-core";
import { describe, expect, test } from "vitest";
import { browsing, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";

const name = "יעל כהן";
const text = "שלום 123";

/**
 * Places where a text shares its line with other text without being isolated: between it and the nearest box or
 * isolated element there is other text.
 */
function touching(page: BrowserPage, written: string): Promise<string[]> {
  return page.evaluate(`((mark) => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const apart = (element) => {
      const { unicodeBidi, display } = getComputedStyle(element);
      return /isolate|plaintext/.test(unicodeBidi) || !/^(inline|contents)$/.test(display);
    };
    while (walker.nextNode()) {
      const said = walker.currentNode.textContent;
      if (!said.includes(mark) || said.includes("\\u2068" + mark + "\\u2069")) continue;
      let around = walker.currentNode.parentElement;
      if (/^(SCRIPT|STYLE|TITLE)$/.test(around.tagName)) continue;
      while (!apart(around)) around = around.parentElement;
      // Text for screen readers has no place in the line.
      const seen = around.cloneNode(true);
      for (const unseen of seen.querySelectorAll(".unseen")) unseen.remove();
      const rest = seen.textContent.replace(mark, "").replace(/[@\\s\\u202a-\\u202e\\u2066-\\u2069]/g, "");
      if (rest !== "") found.push(around.outerHTML);
    }
    return found;
  })(${JSON.stringify(written)})`);
}

describe("words that are written from right to left, in a browser", () => {
  const server = scenario("all");
  const browser = browsing();

  test("are isolated from the text around them, wherever they are shown", async () => {
    const [yael, bob] = [await server.register(), await server.register()];
    body(await yael.patch("/me", { json: { name, signature: text } }));
    const { id } = await yael.settled((await yael.publish(freshClip(), text)).id);
    body(await yael.put(`/users/${bob.id}/follow`), 204);
    body(await bob.put(`/users/${yael.id}/follow`), 204);
    // An opened direction is closed where the text is stored.
    const overridden = `${text}\u202e`;
    const comment = body(
      await yael.post<Schemas["Comment"]>(`/videos/${id}/comments`, { json: { text: overridden } }),
      201,
    );
    expect(comment.text).toBe(`${overridden}\u202c`);
    const reply = { json: { text } };
    body(await bob.post(`/videos/${id}/comments/${comment.id}/replies`, reply), 201);
    const message = { json: { content: text } };
    body(await yael.post(`/conversations/${bob.id}/messages`, message), 201);

    const { page } = await browser.visit(server.origin, "desk", loggedIn(server.origin, bob.session));
    for (const path of [
      `/video/${id}?comments`,
      `/user/${yael.id}`,
      "/messages",
      `/messages/${yael.id}`,
      `/user/${bob.id}/friends`,
    ]) {
      await page.goto(path);
      await page.getByText(name).first().waitFor({ state: "attached" });
      if (path.startsWith("/messages/")) await page.locator(".bubble").waitFor();
      if (path.endsWith("?comments")) await page.locator(".comment").first().waitFor();
      for (const written of [name, text]) expect([path, await touching(page, written)]).toEqual([path, []]);
    }
    // As it would be without.
    await page.evaluate(
      `document.body.append(Object.assign(document.createElement("p"), { textContent: "by ${name} 5" }))`,
    );
    expect(await touching(page, name)).toHaveLength(1);
  });
});

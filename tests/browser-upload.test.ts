import { expect, onTestFinished, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { largeClip } from "./harness/clips.ts";
import { body, type Schemas, send } from "./harness/http-client.ts";
import { lineTo } from "./harness/line.ts";
import { scenario } from "./harness/scenario.ts";

const server = scenario("all");
const browser = browsing();
const clipBytes = 8_000_000;
const cutAfterBytes = 3_000_000;

test("an upload whose line is cut says so, and goes on by itself where it was", async () => {
  const ada = await server.register();
  const way = await lineTo(server.origin);
  onTestFinished(way.close);
  way.cutAfter(cutAfterBytes);
  const { username, password } = ada;
  const session = body(
    await send<Schemas["Session"]>("POST", `${way.origin}/api/v1/sessions`, { json: { username, password } }),
    201,
  );
  const visitor = await browser.visit(way.origin, "desk", loggedIn(way.origin, session));
  visitor.expectComplaint(/net::ERR_/);
  const { page } = visitor;
  const sent: { method: string; offset: string | undefined }[] = [];
  page.on("request", (request) => {
    if (request.url().includes("/uploads/tus"))
      sent.push({ method: request.method(), offset: request.headers()["upload-offset"] });
  });
  // A server that is not ready yet when it is asked how much has come.
  visitor.expectStatus(503);
  let asked = 0;
  await page.route("**/uploads/tus/*", (route) =>
    route.request().method() === "HEAD" && asked++ === 0 ? route.fulfill({ status: 503 }) : route.continue(),
  );
  await page.goto("/upload");
  await page
    .locator("input[type=file]")
    .setInputFiles({ name: "train.mp4", mimeType: "video/mp4", buffer: largeClip(clipBytes) });
  await page.getByText(en.waitingForLine).waitFor();
  way.mend();
  await page.getByLabel(en.titleLabel).fill("From the train");
  await page.getByText(en.sent, { exact: true }).first().waitFor();
  // It was not begun again, and what had arrived was not sent again.
  expect(sent.filter(({ method }) => method === "POST")).toHaveLength(1);
  expect(Number(sent.filter(({ method }) => method === "PATCH").at(-1)!.offset)).toBeGreaterThan(0);
  await page.getByRole("button", { name: en.publish, exact: true }).click();
  await page.getByText(en.publishedTitle).waitFor();
});

test("a file that the server has already is not sent to its end", async () => {
  const [ada, ben] = [await server.register(), await server.register()];
  const file = largeClip(20_000_000);
  body(await ada.upload(file), 201);
  const visitor = await browser.visit(server.origin, "desk", loggedIn(server.origin, ben.session));
  const { page } = visitor;
  // No byte ever arrives.
  await page.route("**/uploads/tus", () => {});
  await page.goto("/upload");
  await page
    .locator("input[type=file]")
    .setInputFiles({ name: "again.mp4", mimeType: "video/mp4", buffer: file });
  await page.getByLabel(en.titleLabel).fill("Again");
  await page.getByText(en.sent, { exact: true }).first().waitFor();
  await page.getByRole("button", { name: en.publish, exact: true }).click();
  await page.getByText(en.publishedTitle).waitFor();
});

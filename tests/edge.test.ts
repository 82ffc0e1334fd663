import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { alertRules } from "#apps/server/observe/alert-rules.ts";
import { dashboard } from "#apps/server/observe/dashboard.ts";
import { metricTable } from "#apps/server/observe/metric-table.ts";
import { classicClient, ok } from "./harness/classic-client.ts";
import { freshClip } from "./harness/clips.ts";
import { type Shape, shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Page, type Schemas, send } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";
import { wholePage } from "./harness/whole-page.ts";
import { until } from "./harness/within.ts";

type Readiness = { ready: boolean; modules: Record<string, string> };

describe.each(shapes)("the edge, %s", (shape: Shape) => {
  const server = scenario(shape);
  const get = <T>(path: string, headers: Record<string, string> = {}) =>
    send<T>("GET", `${server.origin}${path}`, { headers });
  const pageAt = (path: string, headers?: Record<string, string>) =>
    wholePage(`${server.origin}${path}`, headers);

  test("it says that it is alive and ready, module by module", async () => {
    expect(body(await get("/livez"))).toEqual({ alive: true });
    const { ready, modules } = body(await get<Readiness>("/readyz"));
    expect(ready).toBe(true);
    const here = shape === "all" ? ["user", "video", "feed", "gateway"] : ["gateway"];
    expect(modules).toMatchObject(Object.fromEntries(here.map((name) => [name, "ready"])));
  });

  test("metrics tell traffic, errors and latency of routes and calls, and how full it is", async () => {
    await get("/api/v1/feed");
    await get("/api/v1/users/1");
    const { text } = await get("/metrics");
    expect(text).toMatch(
      /douya_http_request_seconds_count\{method="GET",route="\/api\/v1\/feed",status="200"\} \d/,
    );
    expect(text).toMatch(
      /douya_http_request_seconds_count\{.*route="\/api\/v1\/users\/:id",status="404"\} \d/,
    );
    expect(text).toMatch(
      /douya_rpc_seconds_count\{service=".*FeedService",method="GetPublicFeed",outcome="ok"\} \d/,
    );
    expect(text).toMatch(/douya_database_connections\{database="main"\} \d/);
    // Ids in labels would grow without bound.
    expect(text).not.toMatch(/route="[^"]*\d{6}/);
    const exported = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name!);
    const named = metricTable.flatMap(({ metrics }) => metrics.map(({ name }) => name));
    // Each process of several has those of its modules.
    const wanted = shape === "all" ? named : ["douya_http_request_seconds", "douya_degraded"];
    expect(wanted.filter((name) => !exported.includes(name))).toEqual([]);
    expect(exported.filter((name) => name.startsWith("douya_") && !named.includes(name))).toEqual([]);
    // What rules and charts read is what the table has.
    const read = JSON.stringify([alertRules(), dashboard("en"), dashboard("zh")]);
    const used = read.match(/\b(?:douya|nodejs|process)_\w+/g)!;
    const families = used.map((name) => name.replace(/_(?:bucket|count|sum)$/, ""));
    expect([...new Set(families)].sort()).toEqual([...named].sort());
  });

  test("nobody else reads the metrics", async () => {
    expect((await get("/metrics", { "x-forwarded-for": "203.0.113.7" })).status).toBe(404);
  });

  test("the API document describes every route, and a page shows it", async () => {
    type Operation = { summary?: string; responses: Record<string, unknown>; security?: unknown[] };
    type Document = { openapi: string; paths: Record<string, Record<string, Operation>> };
    const document = body(await get<Document>("/api/v1/openapi.json"));
    expect(document.openapi).toMatch(/^3\.1/);
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
    expect(operations.length).toBeGreaterThan(20);
    for (const { path, method, operation } of operations) {
      const name = `${method} ${path}`;
      expect(path, name).toMatch(/^\/api\/v1\//);
      expect(operation.summary, name).toBeTruthy();
      expect(Object.keys(operation.responses), name).toContain("default");
    }
    // What it refers to is there.
    const text = JSON.stringify(document);
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      expect(document).toHaveProperty(["components", "schemas", name!]);
    const page = await get("/api/v1/docs");
    expect(page.status).toBeLessThan(400);
    const shown = page.status === 200 ? page : await get(page.headers.get("location")!);
    expect(shown.text.toLowerCase()).toContain("swagger");
  });

  test("every page that the client has is there", async () => {
    const source = await readFile(new URL("../apps/web/src/shell/app.tsx", import.meta.url), "utf8");
    const paths = [...source.matchAll(/ path=(?:"([^"]+)"|\{`([^`]+)`\})/g)].map(
      ([, one, other]) => one ?? other!,
    );
    expect(paths.length).toBeGreaterThan(10);
    const ada = await server.register();
    const video = await ada.settled((await ada.publish(freshClip())).id);
    const { code } = body(await ada.post<{ code: string }>(`/videos/${video.id}/shares`, {}), 201);
    const ids: Record<string, string> = { video: video.id, s: code };
    for (const path of paths) {
      const id = ids[path.split("/")[1]!] ?? ada.id;
      const asked = path.replace(/:\w+/, id).replace(/\$\{\w+\}/, "friends");
      const page = await pageAt(asked, { accept: "text/html" });
      expect([asked, page.status]).toEqual([asked, path.startsWith("/s/") ? 302 : 200]);
    }
  });

  test("unknown paths get an answer in the form of their API", async () => {
    expectProblem(await get("/api/v1/nothing"), 404, "NOT_FOUND");
    expectProblem(await get("/api/v1/nothing", { accept: "text/html" }), 404, "NOT_FOUND");
    expectProblem(await get("/nothing"), 404, "NOT_FOUND");
    const page = await get("/nothing", { accept: "text/html,*/*" });
    expect([page.status, page.text]).toEqual([404, expect.stringContaining('<div id="root">')]);
    const classic = await get<{ status_code: number }>("/douyin/nothing/");
    expect([classic.status, classic.body.status_code]).toEqual([404, 10400]);
  });

  test.each([
    ["POST", "/api/v1/feed", "GET, HEAD, OPTIONS"],
    ["DELETE", "/api/v1/sessions/refresh", "DELETE, OPTIONS, POST"],
    ["PUT", "/api/v1/users/1", "GET, HEAD, OPTIONS"],
    ["POST", "/video/1", "GET, HEAD, OPTIONS"],
    ["PROPFIND", "/api/v1/feed?limit=1", "GET, HEAD, OPTIONS"],
  ])("%s on %s is not possible, and what is is said", async (method, path, allowed) => {
    const answer = await send(method, `${server.origin}${path}`);
    if (answer.status === 401) return;
    expectProblem(answer, 405, "METHOD_NOT_ALLOWED");
    expect(answer.headers.get("allow")).toBe(allowed);
    const options = await send("OPTIONS", `${server.origin}${path}`);
    expect([options.status, options.headers.get("allow")]).toEqual([204, allowed]);
  });

  test("the classic API says so in its own form", async () => {
    const answer = await send<{ status_code: number }>("PUT", `${server.origin}/douyin/feed/`);
    expect([answer.status, answer.body.status_code]).toEqual([405, 10000]);
    expect(answer.headers.get("allow")).toBe("GET, HEAD, OPTIONS");
  });

  test.each([
    ["/api/v1/users/%ff", 400, /"reason":"REQUEST_BROKEN"/],
    ["/douyin/%ff/", 400, /"status_code":10000/],
    ["/media/%ff/x.mp4", 400, /"reason":"REQUEST_BROKEN"/],
    [`/api/v1/users/${"1".repeat(3000)}`, 414, /"reason":"URL_TOO_LONG"/],
  ])("%s is refused in the form of its API", async (path, status, said) => {
    const answer = await get(path);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(said);
    expect(answer.headers.get("cache-control")).toBe("no-store");
  });

  test.each([
    "/api/v1/feed",
    "/api/v1/nothing",
    "/api/v1/openapi.json",
    "/api/v1/docs",
    "/api/v1/users/%ff",
    "/douyin/feed/",
    "/media/nothing/x.mp4",
    "/livez",
    "/metrics",
    "/",
    "/nothing",
  ])("nobody frames %s, guesses its type, or is told where one was", async (path) => {
    for (const accept of ["text/html", "*/*"]) {
      const { headers } = await get(path, { accept });
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
      expect(headers.get("content-security-policy")).toMatch(/default-src '(none|self)'/);
      expect(headers.get("referrer-policy")).toMatch(/no-referrer|same-origin/);
      expect(headers.get("cache-control")).toMatch(/no-store|no-cache/);
      expect(headers.get("strict-transport-security")).toBeNull();
    }
  });

  test.each([
    undefined,
    "*/*",
    "text/html",
    "image/*",
    "application/json",
  ])("a page and its preview do not depend on what is accepted: %s", async (accept) => {
    const ada = await server.register();
    for (const path of ["/", `/user/${ada.id}`, "/hot", `/user/${ada.id}/followers`]) {
      const page = await pageAt(path, accept === undefined ? {} : { accept });
      expect(page.status).toBe(200);
      expect(page.headers.get("content-type")).toContain("text/html");
      expect(page.text).toContain('property="og:title"');
      expect(page.text.match(/<title>/g)).toHaveLength(1);
    }
    const page = await pageAt(`/user/${ada.id}`, { "user-agent": "Slackbot-LinkExpanding 1.0" });
    expect(page.text).toContain(`<meta property="og:title" content="${ada.username}" />`);
    expect(page.text).toContain(`<meta property="og:url" content="${server.origin}/user/${ada.id}" />`);
  });

  test("what a person says of themselves stays a text, and who is gone is not shown", async () => {
    const ada = await server.register();
    const json = { name: "<b>Ada</b>", signature: `"><script>alert('$&')</script>` };
    body(await ada.patch("/me", { json }));
    const { text } = await pageAt(`/user/${ada.id}`);
    expect(text).toContain("&#60;b&#62;Ada&#60;/b&#62;");
    expect(text).not.toMatch(/<script>alert|<b>/);
    const nobody = await pageAt("/user/1");
    expect(nobody.text).not.toContain("og:");
    for (const path of ["/user/1", "/user/%3Cscript%3E", "/user/0", "/user/1/followers", "/user/x/friends"])
      expect(await pageAt(path), path).toMatchObject({ status: 404, text: nobody.text });
  });

  test("crawlers and browsers find what they look for without being told", async () => {
    const robots = await get("/robots.txt");
    expect([robots.status, robots.headers.get("content-type")]).toEqual([
      200,
      expect.stringMatching(/^text\/plain/),
    ]);
    expect(robots.text).toMatch(/^User-agent: \*\nDisallow: \/api\//);
    const icon = await get("/favicon.ico");
    expect([icon.status, icon.headers.get("content-type")]).toEqual([200, "image/png"]);
  });

  test("the web client's page is served for its own paths, its files are cached forever", async () => {
    const page = await get("/hot", { accept: "text/html" });
    expect(page.status).toBe(200);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
    expect(page.headers.get("cache-control")).toBe("no-cache");
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(page.text)![1]!;
    const asset = await get(script);
    expect(asset.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(asset.headers.get("vary")).toContain("accept-encoding");
  });

  test("a trace that comes in is the one that refusals name", async () => {
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const answer = await get("/api/v1/users/1", { traceparent: `00-${traceId}-b7ad6b7169203331-01` });
    expect(expectProblem(answer, 404, "USER_NOT_FOUND").traceId).toBe(traceId);
  });
});

describe("a module's process is gone, split", () => {
  // A call to a service that is down is worth a warning, not an error.
  const server = scenario("split");
  const classicApi = classicClient(() => server.origin);

  test("requests that need it are refused at once, others still work, and all of them once it is back", async () => {
    const ada = await server.register();
    const video = await ada.settled((await ada.publish(freshClip())).id);
    const unseen = await ada.settled((await ada.publish(freshClip())).id);
    expect((await send("GET", video.playUrl!)).status).toBe(200);
    const like = (id: string) => ada.put(`/videos/${id}/like`);
    expect((await like(video.id)).status).toBe(204);
    await server.deployment.programOf("video").kill();

    const problem = expectProblem(await server.api("GET", "/feed"), 503, "FEED_UNAVAILABLE");
    expect(problem.retryAfterMs).toBeGreaterThan(0);
    expectProblem(await server.api("GET", `/videos/${video.id}`), 503, "VIDEO_UNAVAILABLE");
    expectProblem(await ada.upload(freshClip()), 503, "VIDEO_UNAVAILABLE");
    // Nothing of it is received, nor looked at.
    expectProblem(await ada.upload(new Uint8Array([0])), 503, "VIDEO_UNAVAILABLE");
    // Of the one it is known that all may see it.
    expect((await like(video.id)).status).toBe(204);
    expectProblem(await like(unseen.id), 503, "VIDEO_UNAVAILABLE");
    const classic = await classicApi.get("/feed/");
    expect(classic.status).toBe(503);
    expect(classic.body.status_code).toBe(20200);

    const again = await server.logIn(ada.username, ada.password);
    // A profile without counts is better than no profile.
    expect(body(await again.get<Schemas["User"]>("/me")).counts.videos).toBe(0);
    ok(await classicApi.get("/user/", { token: again.session.accessToken }));
    // What others have watched is still known to be open, and of the rest nobody can tell.
    expect((await send("GET", video.playUrl!)).status).toBe(200);
    expect((await send("GET", unseen.playUrl!)).status).toBe(503);

    await server.deployment.restart("video");
    const { items } = await until("the feed is back", async () => {
      const answer = await server.api<Page<Schemas["Video"]>>("GET", "/feed");
      return answer.status === 200 && answer.body;
    });
    expect(items.map((item) => item.id)).toEqual([unseen.id, video.id]);
    expect((await again.settled((await again.publish(freshClip())).id)).state).toBe("published");
  });

  test("without the process of accounts, guests still watch nothing half-made", async () => {
    await server.deployment.programOf("user").kill();
    const json = { username: "somebody", password: "correct horse" };
    expectProblem(await server.api("POST", "/sessions", { json }), 503, "USER_UNAVAILABLE");
    expectProblem(await server.api("GET", "/feed"), 503, "USER_UNAVAILABLE");
    await server.deployment.restart("user");
    await until("accounts are back", async () => (await server.api("GET", "/feed")).status === 200);
    await server.register();
  });
});

import { expect, it } from "vitest";
import { createRetryHints } from "./retry-hints.ts";

const at = (path: string, method = "GET") => new Request(new URL(path, "http://douya.example"), { method });
const refused = (status: number, retryAfter?: string) =>
  new Response("{}", { status, headers: retryAfter ? { "retry-after": retryAfter } : {} });

function hinted() {
  const clock = { ms: 5000 };
  const hints = createRetryHints(() => clock.ms);
  const mayAsk = (path: string, method?: string) => {
    try {
      hints.check(at(path, method));
      return true;
    } catch {
      return false;
    }
  };
  return { clock, hints, mayAsk };
}

it("what the server does not want to hear now is not asked until then, whichever page of it", async () => {
  const { clock, hints, mayAsk } = hinted();
  await hints.note(at("/api/v1/feed?cursor=a"), refused(503, "3"));
  clock.ms += 1000;
  expect(() => hints.check(at("/api/v1/feed?cursor=b"))).toThrow(
    expect.objectContaining({ status: 503, retryAfterMs: 2000 }),
  );
  expect(mayAsk("/api/v1/me")).toBe(true);
  clock.ms += 1999;
  expect(mayAsk("/api/v1/feed")).toBe(false);
  clock.ms += 1;
  expect(mayAsk("/api/v1/feed")).toBe(true);
});

it("a renewal of the session waits too; what a person does is always sent", async () => {
  const { hints, mayAsk } = hinted();
  for (const path of ["/api/v1/sessions/refresh", "/api/v1/sessions"])
    await hints.note(at(path, "POST"), refused(429, "30"));
  expect(mayAsk("/api/v1/sessions/refresh", "POST")).toBe(false);
  expect(mayAsk("/api/v1/sessions", "POST")).toBe(true);
});

it("other answers hold nothing back, and the answer can still be read", async () => {
  const { hints, mayAsk } = hinted();
  await hints.note(at("/one"), refused(503));
  await hints.note(at("/one"), refused(404, "30"));
  expect(mayAsk("/one")).toBe(true);
  const answer = refused(503, "30");
  await hints.note(at("/one"), answer);
  expect(await answer.text()).toBe("{}");
});

import { expect, it } from "vitest";
import { createEndpoints, type Endpoint } from "./endpoints.ts";

const here = "ws://here.example/api/v1/realtime";
const [a, b, c] = [
  { url: "wss://a", weight: 3 },
  { url: "wss://b", weight: 1 },
  { url: "wss://c", weight: 1 },
] as const;

function asked(...answers: (readonly Endpoint[] | Error)[]) {
  let count = 0;
  let nowMs = 0;
  return {
    ask: async () => {
      const answer = answers[Math.min(count++, answers.length - 1)]!;
      if (answer instanceof Error) throw answer;
      return answer;
    },
    now: () => nowMs,
    later: () => {
      nowMs += 6 * 60_000;
    },
    count: () => count,
  };
}

it("is chosen as often as its weight says, and after one has failed it is another", async () => {
  const all = asked([a, b, c]);
  const counts = new Map<string, number>();
  for (let i = 0; i < 100; i++) {
    const first = await createEndpoints({ here, ...all, random: () => i / 100 }).next();
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  expect(Object.fromEntries(counts)).toEqual({ "wss://a": 60, "wss://b": 20, "wss://c": 20 });
  const endpoints = createEndpoints({ here, ...all });
  let last = "";
  for (let i = 0; i < 100; i++) {
    const next = await endpoints.next();
    expect(next).not.toBe(last);
    last = next;
  }
});

it("is the same again where there is only one, and this server while nothing is known", async () => {
  const one = createEndpoints({ here, ...asked([b]) });
  expect([await one.next(), await one.next()]).toEqual(["wss://b", "wss://b"]);
  const { later, ...times } = asked(new Error("away"), [a], new Error("away"));
  const endpoints = createEndpoints({ here, ...times });
  expect(await endpoints.next()).toBe(here);
  expect(await endpoints.next()).toBe("wss://a");
  later();
  expect(await endpoints.next()).toBe("wss://a");
});

it("is asked for now and then, and not each time", async () => {
  const { later, ...times } = asked([a]);
  const endpoints = createEndpoints({ here, ...times });
  for (let i = 0; i < 5; i++) await endpoints.next();
  expect(times.count()).toBe(1);
  later();
  await endpoints.next();
  expect(times.count()).toBe(2);
});

import { describe, expect, it } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { withNats } from "#platform/testing/private-nats.ts";
import { checkNats } from "./check-nats.ts";
import { natsAddress } from "./nats-address.ts";
import { linkNats } from "./nats-link.ts";
import { whyUnusable } from "./unusable.ts";

describe("the address of NATS", () => {
  it.each([
    ["nats://a:4222", { servers: ["a:4222"] }],
    ["a:4222", { servers: ["a:4222"] }],
    ["nats://a:1, nats://b:2", { servers: ["a:1", "b:2"] }],
    ["tls://a:4222", { servers: ["a:4222"], tls: {} }],
    ["nats://me:se%40cret@a:4222,b:4222", { servers: ["a:4222", "b:4222"], user: "me", pass: "se@cret" }],
    ["nats://token@a:4222", { servers: ["a:4222"], token: "token" }],
  ])("%s is read", (text, options) => expect(natsAddress(text)).toEqual(options));

  it.each([
    "http://a:4222",
    "nats://",
    "nats://a:99999",
    "nats://a:4222/path",
    "nats://a:4222,",
    "nats://u:p@a:x",
  ])("%s is refused, without its password", (text) => {
    expect(() => natsAddress(text)).toThrow(expect.objectContaining({ reason: "NATS_URL_INVALID" }));
    expect(() => natsAddress(text)).not.toThrow(/u:p/);
  });

  it("too old a server is told from one that will do", () => {
    expect(["2.9.4", "2.9.10", "2.10.0", "3.0.0-beta.1"].map(whyUnusable)).toEqual(Array(4).fill(undefined));
    for (const old of ["2.9.3", "2.8.99", "1.9.9"]) expect(whyUnusable(old)).toContain("too old");
  });
});

/** `douya doctor` and a process that runs say so: perhaps not at once, as a server that is slow does not answer. */
async function expectSaid(url: string, what: string): Promise<void> {
  await expect.poll(() => checkNats(url).catch((error: Error) => error.message)).toContain(what);
  const link = linkNats(url, createLog("silent"));
  await expect.poll(link.problem).toContain(what);
  await link.close();
}

it("nobody at the address is said plainly", () =>
  expectSaid("nats://127.0.0.1:1", "it does not answer at the address"));

describe("with credentials", () => {
  const nats = withNats({ config: 'authorization { user: "me", password: "secret" }' });
  it("wrong ones are said plainly, right ones work", async () => {
    const { host } = new URL(nats().url);
    for (const given of ["", "me:wrong@", "token@"])
      await expectSaid(`nats://${given}${host}`, "it refuses the credentials in DOUYA_NATS_URL");
    expect(await checkNats(`nats://me:secret@${host}`)).toMatch(
      /^nats-server 2\.\d+\.\d+, answers in \d+ ms/,
    );
  });
});

describe("without JetStream", () => {
  const nats = withNats({ config: "jetstream: disabled" });
  it("it is said plainly", () => expectSaid(nats().url, "JetStream is off"));
});

import { describe, expect, test } from "vitest";
import { send } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe("accounts in two processes", () => {
  const server = scenario("split", { atTwoPlaces: "user" });

  test("share the work, and if one is killed everything goes on at the other", async () => {
    const first = await server.register();
    const second = await server.deployment.another("user");
    const logins = async () => {
      const { text } = await send("GET", `${second}/metrics`);
      return Number(/_count\{[^}]*method="LogIn",outcome="ok"\} (\d+)/.exec(text)?.[1] ?? 0);
    };
    const logIn = () => server.logIn(first.username, first.password);
    await until("the second process has a turn", async () => {
      await logIn();
      return (await logins()) > 0;
    });
    await server.deployment.programOf("user").kill();
    const me = () => first.get("/me");
    await until("the loss is noticed", async () => (await me()).status === 200);
    const before = await logins();
    for (let i = 0; i < 10; i++) await logIn();
    expect(await logins()).toBe(before + 10);
    expect((await me()).status).toBe(200);
  });
});

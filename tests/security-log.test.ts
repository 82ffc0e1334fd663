import { describe, expect, test } from "vitest";
import { expectProblem } from "./harness/http-client.ts";
import { startProgram } from "./harness/program.ts";
import { scenario } from "./harness/scenario.ts";
import { within } from "./harness/within.ts";

describe("the security log", () => {
  const server = scenario("all");

  async function douya(...args: string[]) {
    const { dataDir, databaseUrl } = server.deployment;
    const program = startProgram(args, { DOUYA_DATA: dataDir, DOUYA_DATABASE_URL: databaseUrl });
    const { code } = await within(program.ended, () => `douya ${args.join(" ")} does not end`);
    expect(code, program.output()).toBe(0);
    return program.output();
  }

  test("tells the operator about logins, refusals, changes and moderators' actions, and no secrets", async () => {
    const ada = await server.register("an engine of numbers");
    const log = () => douya("security-log", `--user=${ada.username}`, "--limit=50");
    for (let i = 0; i < 3; i++) {
      const json = { username: ada.username, password: "my secret guess" };
      expectProblem(
        await server.api("POST", "/sessions", { json, headers: { "user-agent": "Engine/1" } }),
        401,
        "BAD_CREDENTIALS",
      );
    }
    const change = (currentPassword: string) =>
      ada.put("/me/password", { json: { currentPassword, newPassword: "another engine" } });
    expectProblem(await change("my secret guess"), 403, "WRONG_PASSWORD");
    expect((await change(ada.password)).status).toBe(204);
    const again = await server.logIn(ada.username, "another engine");
    expect((await again.delete("/sessions")).status).toBe(204);
    expect(await douya("moderator", "add", ada.username)).toContain("is a moderator now");
    await expect.poll(log).toMatch(/all-sessions-ended/);
    const told = await log();
    for (const line of [
      /registered {2}of "person-.*" {2}from 127\.0\.0\.1/,
      /login-failed( {2}×\d)? {2}of "person-.*" {2}from 127\.0\.0\.1 {2}with "Engine\/1"/,
      /wrong-password {2}of /,
      /password-changed {2}of /,
      /login {2}of .* {2}session \d+/,
      /role-given {2}of .* {2}moderator {2}because "by the operator"/,
    ])
      expect(told).toMatch(line);
    expect(told).not.toMatch(/secret guess|engine of numbers|another engine/);
    expect(told).not.toContain(again.session.accessToken.split(".")[2]);
    expect(await douya("security-log", "--kind=password-changed")).not.toContain("login");
  });
});

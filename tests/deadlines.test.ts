import pg from "pg";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Page, type Schemas } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe.each(shapes)("statements that nobody waits for, %s", (shape) => {
  const server = scenario(shape);
  /** Locks tables until its transaction ends. */
  let holder: pg.Client;
  beforeEach(async () => {
    holder = new pg.Client({ connectionString: server.deployment.databaseUrl });
    await holder.connect();
  });
  afterEach(() => holder.end());

  const hold = (tables: string) => holder.query(`begin; lock table ${tables} in access exclusive mode`);
  const heldUp = async () => {
    const { rows } = await holder.query<{ query: string }>(
      "select query from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    return rows.map(({ query }) => query);
  };
  const isFollowed = async (by: Awaited<ReturnType<typeof server.register>>, id: string) =>
    body(await by.get<Schemas["User"]>(`/users/${id}`)).followed;

  test("end when the client hangs up, and change nothing", async () => {
    const [ada, ben] = [await server.register(), await server.register()];
    await hold("relation.follow");
    const headers = { authorization: `Bearer ${ada.session.accessToken}` };
    const hungUp = new AbortController();
    const asked = [
      fetch(`${server.origin}/api/v1/users/${ben.id}/follow`, {
        method: "PUT",
        headers,
        signal: hungUp.signal,
      }),
      fetch(`${server.origin}/api/v1/users/${ben.id}/followers`, { headers, signal: hungUp.signal }),
    ];
    const answers = Promise.allSettled(asked);
    await until("both wait", async () => (await heldUp()).length >= 2);
    hungUp.abort();
    await answers;
    await until("nobody waits", async () => (await heldUp()).length === 0);
    await holder.query("rollback");
    expect(await isFollowed(ada, ben.id)).toBe(false);
    expect((await ada.put(`/users/${ben.id}/follow`)).status).toBe(204);
  });

  test("end when the answer was too late, and change nothing", async () => {
    const [ada, ben] = [await server.register(), await server.register()];
    await hold("relation.follow, message.message, message.conversation");
    // Profiles can still be read, but not changed.
    await holder.query('lock table "user".account in exclusive mode');
    const json = { content: "hello", idempotencyKey: "1" };
    const asked = Promise.all([
      ada.put(`/users/${ben.id}/follow`),
      ada.get(`/users/${ben.id}/followers`),
      ben.put(`/users/${ada.id}/block`),
      ada.post(`/conversations/${ben.id}/messages`, { json }),
      ada.get(`/conversations/${ben.id}/messages`),
      ada.patch("/me", { json: { name: "Lovelace" } }),
    ]);
    for (const answer of await asked)
      expect(expectProblem(answer, 504, "DEADLINE_EXCEEDED").detail).toContain("may have been made");
    await until("nobody waits", async () => (await heldUp()).length === 0);
    await holder.query("rollback");
    expect(await isFollowed(ada, ben.id)).toBe(false);
    expect(body(await ben.get<Page<object>>("/me/blocks")).items).toEqual([]);
    expect(body(await ada.get<Page<object>>(`/conversations/${ben.id}/messages`)).items).toEqual([]);
    expect(body(await ada.get<Schemas["User"]>("/me")).name).toBe(ada.username);
    expect((await ada.put(`/users/${ben.id}/follow`)).status).toBe(204);
  });
});

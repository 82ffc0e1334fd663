import { describe, expect, test } from "vitest";
import { classicClient, digits, ok, refused } from "./harness/classic-client.ts";
import { shapes } from "./harness/deployment.ts";
import { body, expectProblem, type Page, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type User = Schemas["User"];

describe.each(shapes)("follows, %s", (shape) => {
  const server = scenario(shape);
  const classicApi = classicClient(() => server.origin);

  const people = (count: number) => Promise.all(Array.from({ length: count }, () => server.register()));
  const seenBy = async (viewer: Person, target: Person) => {
    const { counts, followed, followsYou } = body(await viewer.get<User>(`/users/${target.id}`));
    return { following: counts.following, followers: counts.followers, followed, followsYou };
  };
  const act = (person: Person, target: string, actionType: number) =>
    classicApi.post("/relation/action/", {
      token: person.session.accessToken,
      to_user_id: target,
      action_type: String(actionType),
    });
  const listOf = async (person: Person, list: string, viewer: Person) =>
    body(await viewer.get<Page<User>>(`/users/${person.id}/${list}`)).items;

  test("the next request sees a follow and its end, over both APIs", async () => {
    const [ada, ben] = (await people(2)) as [Person, Person];
    const none = { following: 0, followers: 0, followed: false, followsYou: false };
    expect(await seenBy(ada, ben)).toEqual(none);
    // Repeating is allowed.
    for (let i = 0; i < 2; i++) expect((await ada.put(`/users/${ben.id}/follow`)).status).toBe(204);
    expect(await seenBy(ada, ben)).toEqual({ ...none, followers: 1, followed: true });
    expect(await seenBy(ben, ada)).toEqual({ ...none, following: 1, followsYou: true });
    const token = ada.session.accessToken;
    const { user } = ok(await classicApi.get("/user/", { token, user_id: ben.id }));
    expect(user).toMatchObject({ follower_count: 1, follow_count: 0, is_follow: true });
    for (let i = 0; i < 2; i++) expect((await ada.delete(`/users/${ben.id}/follow`)).status).toBe(204);
    expect(await seenBy(ada, ben)).toEqual(none);
    expect(await seenBy(ben, ada)).toEqual(none);
  });

  test("in the classic API twice, oneself and strangers are refused", async () => {
    const [ada, ben] = (await people(2)) as [Person, Person];
    refused(await act(ada, ada.id, 1), 10701);
    refused(await act(ada, ben.id, 2), 10703);
    ok(await act(ada, ben.id, 1));
    refused(await act(ada, ben.id, 1), 10702);
    expect(await seenBy(ada, ben)).toMatchObject({ followers: 1, followed: true });
    ok(await act(ada, ben.id, 2));
    refused(await act(ada, ben.id, 2), 10703);
    expect(await seenBy(ada, ben)).toMatchObject({ followers: 0, followed: false });
  });

  test("lists show both counts and the viewer's own relation, over both APIs", async () => {
    const [ada, ben, cleo, dan] = (await people(4)) as [Person, Person, Person, Person];
    for (const [from, to] of [
      [ada, ben],
      [ada, cleo],
      [ben, ada],
      [dan, ada],
      [dan, cleo],
    ] as const)
      ok(await act(from, to.id, 1));
    expect(await listOf(ada, "following", dan)).toMatchObject([
      { id: cleo.id, followed: true, counts: { followers: 2, following: 0 } },
      { id: ben.id, followed: false, counts: { followers: 1, following: 1 } },
    ]);
    expect((await listOf(ada, "followers", ben)).map((user) => user.id)).toEqual([dan.id, ben.id]);
    expect((await listOf(ada, "friends", ben)).map((user) => user.id)).toEqual([ben.id]);
    expect(await listOf(cleo, "following", ben)).toEqual([]);

    const parameters = { token: dan.session.accessToken, user_id: ada.id };
    const following = await classicApi.get("/relation/follow/list/", parameters);
    expect(digits(following, "id")).toEqual([cleo.id, ben.id]);
    expect(ok(following).user_list).toMatchObject([
      { is_follow: true, follower_count: 2, follow_count: 0 },
      { is_follow: false, follower_count: 1, follow_count: 1 },
    ]);
    const followers = await classicApi.get("/relation/follower/list/", parameters);
    ok(followers);
    expect(digits(followers, "id")).toEqual([dan.id, ben.id]);
  });

  test("lists are paged, whoever follows meanwhile", async () => {
    const [ada, ...others] = (await people(6)) as [Person, ...Person[]];
    for (const other of others.slice(0, 5)) await other.put(`/users/${ada.id}/follow`);
    const seen: string[] = [];
    let cursor = "";
    do {
      const page = body(
        await ada.get<Page<User>>(`/users/${ada.id}/followers?limit=2${cursor && `&cursor=${cursor}`}`),
      );
      seen.push(...page.items.map((user) => user.id));
      if (cursor === "") await (await server.register()).put(`/users/${ada.id}/follow`);
      cursor = page.nextCursor ?? "";
    } while (cursor);
    expect(seen).toEqual(others.map((other) => other.id).reverse());
    expect((await seenBy(ada, ada)).followers).toBe(6);
  });

  test("a person who wins followers is hot while these stay; a block hides them", async () => {
    const [ada, ben, cleo, ...fans] = (await people(6)) as [Person, Person, Person, ...Person[]];
    const hot = async (viewer?: Person) => {
      const path = "/hot-users?limit=50";
      const answer = await (viewer ? viewer.get(path) : server.api("GET", path));
      const { items } = body(answer) as { items: { user: User; won: number }[] };
      const mine = [ada.id, ben.id];
      return items.filter(({ user }) => mine.includes(user.id)).map(({ user, won }) => [user.id, won]);
    };
    const becomes = (expected: unknown) =>
      until("the ranking", async () => {
        const seen = await hot();
        return JSON.stringify(seen) === JSON.stringify(expected) || undefined;
      });
    for (const fan of fans) await fan.put(`/users/${ada.id}/follow`);
    for (const fan of fans.slice(0, 2)) await fan.put(`/users/${ben.id}/follow`);
    await becomes([
      [ada.id, 3],
      [ben.id, 2],
    ]);
    for (const fan of fans.slice(0, 2)) await fan.delete(`/users/${ada.id}/follow`);
    await becomes([
      [ben.id, 2],
      [ada.id, 1],
    ]);
    await cleo.put(`/users/${ben.id}/block`);
    expect(await hot(cleo)).toEqual([[ada.id, 1]]);
    expect(await hot(ben)).toHaveLength(2);
    expect((await server.api("GET", "/hot-users?limit=51")).status).toBe(422);
  });

  test("a follow that is not possible is refused by name", async () => {
    const [ada] = (await people(1)) as [Person];
    expectProblem(await ada.put(`/users/${ada.id}/follow`), 422, "FOLLOWS_SELF");
    expectProblem(await ada.put("/users/1/follow"), 404, "USER_NOT_FOUND");
    expect((await ada.delete("/users/1/follow")).status).toBe(204);
    expectProblem(await server.api("PUT", `/users/${ada.id}/follow`), 401, "LOGIN_REQUIRED");
    expectProblem(await ada.put("/users/x/follow"), 422, "INVALID_ARGUMENT");
    refused(await act(ada, "1", 1), 10109);
    for (const id of ["", "x", "99999999999999999999"])
      expect(refused(await act(ada, id, 1), 10001)).toContain("to_user_id");
    expect(refused(await act(ada, "1", 3), 10001)).toContain("action_type");
    refused(await classicApi.post("/relation/action/", { to_user_id: "1", action_type: "1" }), 10105);
    refused(await classicApi.get("/relation/follow/list/", { user_id: ada.id }), 10105);
    const { accessToken: token } = ada.session;
    expect(refused(await classicApi.get("/relation/follower/list/", { token }), 10001)).toContain("user_id");
  });
});

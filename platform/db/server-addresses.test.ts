import { expect, test } from "vitest";
import { serverAddresses } from "./server-addresses.ts";

const where = (url: string) => serverAddresses(url).map(({ host, port }) => `${host}:${port}`);

test("a connection string names one server or several", () => {
  expect(where("postgres://u:p@a/db")).toEqual(["a:5432"]);
  expect(where("postgresql://u:p%40q@a:1,b:2,c/db?sslmode=disable")).toEqual(["a:1", "b:2", "c:5432"]);
  expect(where("postgres://u:p@q@a/db")).toEqual(["a:5432"]);
  expect(where("postgres://u:p@[::1]:1,b/db")).toEqual(["::1:1", "b:5432"]);
  expect(where("postgres://u:p@/db?host=%2Frun%2Fa,/run/b&port=1,2")).toEqual(["/run/a:1", "/run/b:2"]);
  expect(serverAddresses("postgres://u:p@a:1,b:2/db?x=y").map(({ url }) => url)).toEqual([
    "postgres://u:p@a:1/db?x=y",
    "postgres://u:p@b:2/db?x=y",
  ]);
});

test("what is no connection string is refused, without telling its password", () => {
  for (const bad of [
    "localhost:5432",
    "mysql://u:secret@a/db",
    "postgres://u:secret@a:x/db",
    "postgres://u:se/cret@a:99999,b/db",
  ]) {
    try {
      serverAddresses(bad);
      throw new Error(`accepted ${bad}`);
    } catch (error) {
      expect(error).toMatchObject({ reason: "DATABASE_URL_INVALID" });
      expect((error as Error).message).not.toContain("secret");
    }
  }
});

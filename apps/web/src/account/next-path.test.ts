import { expect, it } from "vitest";
import { loginPath, safeNext } from "./next-path.ts";

it("returns to the page that asked for the login", () => {
  const search = loginPath("/video/12?t=3").slice("/login".length);
  expect(safeNext(new URLSearchParams(search).get("next"))).toBe("/video/12?t=3");
  expect(loginPath("/")).toBe("/login");
});
it("never leads to another site or in a circle", () => {
  for (const bad of [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "javascript:1",
    "/login?next=/me",
    "/register",
    "",
    null,
  ]) {
    expect(safeNext(bad)).toBe("/");
  }
});

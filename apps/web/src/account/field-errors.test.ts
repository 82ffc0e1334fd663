import { expect, it } from "vitest";
import { problemFrom } from "../api/problem.ts";
import { en } from "../i18n/en.ts";
import { fieldErrors } from "./field-errors.ts";

const login = ["username", "password"];

it("puts a refusal next to its field", () => {
  expect(fieldErrors(en, problemFrom(409, { reason: "NAME_TAKEN" }, null), login)).toEqual({
    username: en.reasons.NAME_TAKEN,
  });
  const invalid = problemFrom(422, { reason: "NAME_INVALID" }, null);
  expect(Object.keys(fieldErrors(en, invalid, login))).toEqual(["username"]);
  expect(Object.keys(fieldErrors(en, invalid, ["name", "signature"]))).toEqual(["name"]);
});
it("prefers the fields the server names, and knows only the form's own", () => {
  const errors = [
    { path: "/username", message: "too long" },
    { path: "body.other", message: "?" },
  ];
  expect(fieldErrors(en, problemFrom(422, { reason: "X", errors }, null), login)).toEqual({
    username: "too long",
  });
});
it("falls back to the form", () => {
  const refused = problemFrom(401, { reason: "BAD_CREDENTIALS" }, null);
  expect(fieldErrors(en, refused, login)).toEqual({ form: en.reasons.BAD_CREDENTIALS });
});

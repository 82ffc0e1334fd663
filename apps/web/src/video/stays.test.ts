import { expect, test } from "vitest";
import { createStays } from "./stays.ts";

/** Of a person who stays so long with each of ten films. */
function staysOf(stayS: number) {
  const stays = createStays();
  for (let i = 0; i < 10; i++) stays.note(stayS);
  return stays;
}

test("of a film that was watched for a while more is worth fetching than of one that has just begun", () => {
  const { worthS } = createStays();
  expect(worthS(0)).toBeLessThanOrEqual(2);
  expect(worthS(5)).toBeGreaterThan(worthS(0));
  expect(worthS(60)).toBe(Number.POSITIVE_INFINITY);
});

test("who sees films to their end gets more of them, who leaves soon gets more beginnings", () => {
  expect(staysOf(Number.POSITIVE_INFINITY).worthS(0)).toBeGreaterThan(createStays().worthS(0));
  expect(staysOf(1).worthS(0)).toBeLessThanOrEqual(1);
  expect(staysOf(Number.POSITIVE_INFINITY).filmsAhead()).toBe(1);
  expect(createStays().filmsAhead()).toBe(2);
  expect(staysOf(1).filmsAhead()).toBe(3);
});

test("no more is worth fetching than nine in ten of such people see", () => {
  const stays = createStays();
  for (const stayS of [4, 4, 4, 4, 4, 4, 4, 4, 4, 4]) stays.note(stayS);
  // Beside ten usual ones, of which two have left by then.
  expect(stays.worthS(0)).toBe(2);
  expect(stays.worthS(2)).toBe(2);
});

test("what counts is how the person watches now", () => {
  const stays = staysOf(Number.POSITIVE_INFINITY);
  for (let i = 0; i < 20; i++) stays.note(1);
  expect(stays.filmsAhead()).toBe(3);
  expect(stays.worthS(0)).toBe(1);
});

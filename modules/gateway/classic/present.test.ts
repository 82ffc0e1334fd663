import { expect, test } from "vitest";
import { monthAndDay } from "./present.ts";

test.each([
  ["2026-03-31T15:59:59Z", "UTC", "03-31"],
  ["2026-03-31T15:59:59Z", "Asia/Shanghai", "03-31"],
  ["2026-03-31T16:00:00Z", "Asia/Shanghai", "04-01"],
  ["2026-01-01T04:59:59Z", "America/New_York", "12-31"],
  // The same hour of the day in winter and in summer.
  ["2026-01-15T22:30:00Z", "Europe/Berlin", "01-15"],
  ["2026-07-15T22:30:00Z", "Europe/Berlin", "07-16"],
  ["2028-02-29T12:00:00Z", "Asia/Kathmandu", "02-29"],
  ["2026-12-31T10:00:00Z", "Pacific/Kiritimati", "01-01"],
])("%s in %s is the %s", (moment, zone, date) => {
  expect(monthAndDay(zone)(Date.parse(moment))).toBe(date);
});

import { expect, test } from "vitest";
import { reportHandlers } from "./reports.ts";

test("moderators page what is reported also once ids have 19 digits", async () => {
  const all = ["1000000000000000000", "1000000000000000001"].map((id) => ({ id, position: id, reports: [] }));
  const store = {
    queue: async (after: string, limit: number) =>
      all.filter(({ position }) => BigInt(position) > BigInt(after)).slice(0, limit),
  };
  const { listReportedComments } = reportHandlers(
    (() => store) as never,
    {} as never,
    {} as never,
    {} as never,
  );
  const page = (cursor: string) =>
    listReportedComments({ cursor, limit: 1 } as never, { callerId: "7", moderator: true } as never);
  const first = await page("");
  expect(first).toMatchObject({ comments: [expect.anything()], next: "1000000000000000000" });
  expect(await page(first.next!)).toMatchObject({ comments: [expect.anything()], next: "" });
  for (const cursor of ["x", "1-2"])
    await expect(page(cursor)).rejects.toMatchObject({ reason: "CURSOR_INVALID" });
});

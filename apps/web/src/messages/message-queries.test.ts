import { InfiniteQueryObserver, QueryClient } from "@tanstack/react-query";
import { expect, it } from "vitest";
import type { Api } from "../api/client.ts";
import { messagesQuery } from "./message-queries.ts";

/** A conversation of the messages 1 to `count`, as the server pages it. */
function served(count: number) {
  const ids = Array.from({ length: count }, (_, i) => i + 1);
  return {
    async GET(_: string, { params: { query } }: { params: { query: Record<string, string> } }) {
      const { before, after, limit } = query;
      const found = ids.filter((id) => (after ? id > Number(after) : !before || id < Number(before)));
      const page = after ? found.slice(0, Number(limit)) : found.slice(-Number(limit));
      const edge = page.length < found.length ? page.at(after ? -1 : 0) : undefined;
      const items = page.map((id) => ({ id: String(id) }));
      return { data: { items, nextCursor: edge ? String(edge) : null }, response: { ok: true } };
    },
  } as unknown as Api;
}

it("asked for again, what is shown around a message is the same without a hole, and goes on at both ends", async () => {
  for (const newer of [1, 2, 3]) {
    const cache = new QueryClient({ defaultOptions: { queries: { retry: false } } });
    const list = new InfiniteQueryObserver(cache, messagesQuery(served(200), "1", "120"));
    const leave = list.subscribe(() => {});
    await list.refetch();
    for (let i = 0; i < newer; i++) await list.fetchPreviousPage();
    const shown = () =>
      list
        .getCurrentResult()
        .data!.pages.toReversed()
        .flatMap(({ items }) => items.map(({ id }) => Number(id)));
    const from = (first: number, last: number) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i);
    const last = Math.min(200, 120 + newer * 30);
    expect(shown()).toEqual(from(91, last));
    await list.refetch();
    expect(shown()).toEqual(from(91, last));
    await list.fetchNextPage();
    expect(shown()).toEqual(from(61, last));
    expect(list.getCurrentResult().hasPreviousPage).toBe(last < 200);
    leave();
  }
});

import type { Bench } from "./bench.ts";
import type { FetchedPages } from "./ceilings/fetch-pages.ts";
import { type AskedPage, type Caller, classicFeed, followingPage, getRequest } from "./client.ts";
import { startGenerator } from "./generate.ts";
import { costOfPages, fillInboxes, type PageCost } from "./pages-from-facts.ts";
import { compare, median, shown } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";
import { startWorker } from "./worker.ts";

const callerCount = 10_000;
/** The longest that a round may take. */
const roundMs = 60_000;

/** People and the requests for their first page, so that no cache has it at the `nth` time. */
const surfaces = [
  {
    name: "feed-cold",
    limit: 10,
    page: followingPage,
    earlier: (page: AskedPage, nth: number) => `${page.path}&cursor=${9e14 + nth}-9223372036854775807`,
  },
  {
    name: "feed-cold-classic",
    limit: 30,
    page: classicFeed,
    earlier: (page: AskedPage, nth: number) => `${page.path}&latest_time=${9e14 + nth}`,
  },
];

/**
 * The first page of 10,000 people who follow 200 each and ask once each, so that it is made from facts, against the
 * fewest statements that fetch the rows of such pages.
 */
export const feedCold: Bench = async (environment, { rounds, profileDir, roundMs: warmUpMs }) => {
  const dataset = await environment.dataset();
  const server = await dataset.serve({ profileDir });
  const callers = await dataset.callers(server, callerCount);
  await fillInboxes(
    dataset,
    callers.map(({ id }) => id),
  );
  const generator = environment.owns(startGenerator());
  const fetching = environment.owns(startWorker<FetchedPages, number>("ceilings/fetch-pages"));
  const perRound = Math.floor(callerCount / (rounds + 1));
  const rows = [];
  for (const { name, limit, page, earlier } of surfaces) {
    const costs: PageCost[] = [];
    const slices = sliced(callers, perRound);
    const ask = (some: Caller[], pathOf: (asked: AskedPage) => string, durationMs: number) => {
      const requests = some.map((caller) => {
        const asked = page(caller);
        return getRequest(pathOf(asked), asked.headers);
      });
      return costOfPages(generator, { server, dataset }, { requests, once: true, durationMs });
    };
    // Until the code is optimized.
    for (let nth = 0; nth < 3; nth++)
      await ask(callers.slice(0, perRound), (asked) => earlier(asked, nth), warmUpMs);
    const [ourSlices, theirSlices] = [slices.values(), slices.values()];
    const compared = await compare(
      rounds,
      async () => {
        const cost = await ask(ourSlices.next().value!, ({ path }) => path, roundMs);
        costs.push(cost);
        return cost.perSecond;
      },
      () =>
        fetching.ask({
          url: dataset.url,
          userIds: theirSlices.next().value!.map(({ id }) => id),
          limit,
        }),
    );
    const each = (part: "nodeMicros" | "postgresMicros") =>
      shown(median(costs.slice(1).map((cost) => cost[part])) / 1000);
    const unit = `pages/s, ${each("nodeMicros")} ms Node.js + ${each("postgresMicros")} ms PostgreSQL a page`;
    rows.push(ratioRow(name, unit, compared, { atLeast: 0.4 }, { costs }));
  }
  for (const it of [generator, fetching, server, dataset]) await it.stop();
  return rows;
};

function sliced<T>(all: T[], size: number): T[][] {
  return Array.from({ length: Math.floor(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size));
}

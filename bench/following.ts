import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { datasetSize } from "./bench-environment.ts";
import { followingPage, getRequest } from "./client.ts";
import { type Dataset, openDataset } from "./dataset.ts";
import { startGenerator } from "./generate.ts";
import { costOfPages, fillInboxes } from "./pages-from-facts.ts";
import { compare } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";

const callerCount = 1000;
/** More than a machine makes in a round. */
const positionsPerRound = 20;

/**
 * CPU time of a page of the following feed that is made from facts, with many pulled authors, against the same people
 * in a dataset where everybody is delivered.
 */
export const following: Bench = async (environment, { rounds, roundMs, profileDir }) => {
  const generator = environment.owns(startGenerator());
  const settle = async (dataset: Dataset) => {
    const server = await dataset.serve({ profileDir });
    const callers = await dataset.callers(server, callerCount);
    await fillInboxes(
      dataset,
      callers.map(({ id }) => id),
    );
    let position = 9e14;
    const micros = async (): Promise<number> => {
      // Later than every video, and different each time: the newest page, which no cache has.
      const cursors = Array.from({ length: positionsPerRound }, () => `${position++}-9223372036854775807`);
      const requests = cursors.flatMap((cursor) =>
        callers.map((caller) => {
          const { path, headers } = followingPage(caller);
          return getRequest(`${path}&cursor=${cursor}`, headers);
        }),
      );
      const cost = await costOfPages(
        generator,
        { server, dataset },
        { requests, once: true, durationMs: roundMs },
      );
      return cost.nodeMicros + cost.postgresMicros;
    };
    return { server, micros };
  };
  const { pulled: _, ...deliveredSize } = datasetSize;
  const folder = join(environment.dataDir, "delivered-dataset");
  const deliveredDataset = await openDataset(environment.owns, folder, deliveredSize);
  const pulledDataset = await environment.dataset();
  const [pulled, delivered] = [await settle(pulledDataset), await settle(deliveredDataset)];
  // Until the code of both is optimized.
  await pulled.micros();
  await delivered.micros();
  const compared = await compare(rounds, pulled.micros, delivered.micros);
  for (const it of [generator, pulled.server, delivered.server, pulledDataset, deliveredDataset])
    await it.stop();
  return [ratioRow("following", "µs of CPU a page", compared, { atMost: 1.3 })];
};

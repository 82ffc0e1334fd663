import { Histogram, Registry } from "prom-client";
import { expect, test } from "vitest";
import { registerHistogram } from "./histogram.ts";

test("is exported like the registry's own kind", async () => {
  const of = { name: "seconds", help: "How long", buckets: [0.1, 1] };
  const labels = ["route", "status"] as const;
  const [ours, theirs] = [new Registry(), new Registry()];
  const all = [
    registerHistogram(ours, { ...of, labels }),
    new Histogram({ ...of, labelNames: labels, registers: [theirs] }),
  ];
  for (const one of all)
    for (const [route, status, seconds] of [
      ["/a", "200", 0.1],
      ["/a", "200", 0.100001],
      ["/a", "500", 7],
      ['/"b"\n', "200", 0],
    ] as const)
      one.observe({ route, status }, seconds);
  const lines = async (registry: Registry) => (await registry.metrics()).split("\n").map(sortedLabels).sort();
  expect(await lines(ours)).toEqual(await lines(theirs));
});

/** Their order means nothing. */
function sortedLabels(line: string): string {
  return line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(",").sort().join()}}`);
}

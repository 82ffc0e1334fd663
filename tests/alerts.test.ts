import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { filesOfMetrics } from "#apps/server/observe/generated.ts";
import { alerts } from "#apps/server/observe/metric-table.ts";
import { expectAlerts, needsPromtool, type Series } from "./harness/promtool.ts";

const http = (status: string, values: string): Series[] => [
  [`douya_http_request_seconds_count{route="/a",status="${status}"}`, values],
];
const took = (route: string, seconds: [string, string][]): Series[] =>
  seconds.map(([le, values]) => [`douya_http_request_seconds_bucket{route="${route}",le="${le}"}`, values]);
const calls = (outcome: string, values: string): Series => [
  `douya_rpc_seconds_count{service="Feed",outcome="${outcome}"}`,
  values,
];
const day = 86_400;

/** Of each alert: series with what it is for, and with what is still well. */
const faults: Record<string, { wrong: Series[]; well: Series[] }> = {
  DouyaProcessDown: {
    wrong: [['up{job="douya",instance="a"}', "1x10 0x20"]],
    well: [
      ['up{job="douya",instance="a"}', "1x30"],
      ['up{job="other",instance="a"}', "0x30"],
    ],
  },
  DouyaRequestsFail: {
    wrong: [...http("200", "0+95x30"), ...http("503", "0+5x30")],
    well: [...http("200", "0+99x30"), ...http("503", "0+1x30"), ...http("404", "0+50x30")],
  },
  DouyaRequestsSlow: {
    wrong: took("/api/v1/feed", [
      ["1", "0+90x30"],
      ["5", "0+100x30"],
      ["+Inf", "0+100x30"],
    ]),
    well: took("/api/v1/uploads", [
      ["1", "0+0x30"],
      ["5", "0+100x30"],
      ["+Inf", "0+100x30"],
    ]),
  },
  DouyaCallsFail: {
    wrong: [calls("ok", "0+90x30"), calls("internal", "0+10x30")],
    well: [calls("ok", "0+90x30"), calls("not-found", "0+10x30")],
  },
  DouyaDegraded: {
    wrong: [['douya_degraded{part="media"}', "1x30"]],
    well: [['douya_degraded{part="media"}', "0x28 1x2"]],
  },
  DouyaShedding: {
    wrong: [['douya_admission_shed{at="edge"}', "0.2x30"]],
    well: [['douya_admission_shed{at="edge"}', "0.01x30"]],
  },
  DouyaProcessBusy: {
    wrong: [['nodejs_eventloop_lag_p99_seconds{instance="a"}', "0.9x30"]],
    well: [['nodejs_eventloop_lag_p99_seconds{instance="a"}', "0.02x30"]],
  },
  DouyaEventsLate: {
    wrong: [['douya_events_lag_seconds{group="feed.inbox"}', "0+60x30"]],
    well: [['douya_events_lag_seconds{group="feed.inbox"}', "0x10 400 0x19"]],
  },
  DouyaDeadLetters: {
    wrong: [['douya_events_dead_letters{group="feed.inbox"}', "1x30"]],
    well: [['douya_events_dead_letters{group="feed.inbox"}', "1x20 0x10"]],
  },
  DouyaConsumerMissing: {
    wrong: [['douya_events_members{group="feed.inbox"}', "0x30"]],
    // A restart.
    well: [['douya_events_members{group="feed.inbox"}', "1x27 0x3"]],
  },
  DouyaJobsWait: {
    wrong: [['douya_jobs_waiting_seconds{kind="video.process"}', "3600+60x30"]],
    well: [['douya_jobs_waiting_seconds{kind="video.process"}', "0+60x30"]],
  },
  DouyaJobsGivenUp: {
    wrong: [['douya_jobs_dead{kind="video.process"}', "2x30"]],
    well: [['douya_jobs_dead{kind="video.process"}', "2x20 0x10"]],
  },
  DouyaDiskAlmostFull: {
    wrong: [
      ['douya_disk_free_bytes{instance="a"}', "40x30"],
      ['douya_disk_size_bytes{instance="a"}', "1000x30"],
    ],
    well: [
      ['douya_disk_free_bytes{instance="a"}', "60x30"],
      ['douya_disk_size_bytes{instance="a"}', "1000x30"],
    ],
  },
  DouyaDiskFull: {
    wrong: [['douya_disk_full{instance="a"}', "0x29 1"]],
    well: [['douya_disk_full{instance="a"}', "1x29 0"]],
  },
  DouyaDatabaseBusy: {
    wrong: [['douya_database_waiting{database="main"}', "500x30"]],
    well: [['douya_database_waiting{database="main"}', "5x30"]],
  },
  DouyaReplicaLeftOut: {
    wrong: [['douya_replica_left_out{replica="b:5432"}', "1x30"]],
    well: [['douya_replica_left_out{replica="b:5432"}', "1x20 0x10"]],
  },
  DouyaCertificateEnds: {
    // The clock of promtool begins at zero.
    wrong: [['douya_certificate_end_seconds{file="cert",instance="a"}', `${10 * day}x30`]],
    well: [['douya_certificate_end_seconds{file="cert",instance="a"}', `${30 * day}x30`]],
  },
  DouyaPlaysDiffer: {
    wrong: [["douya_plays_differences", "1x30"]],
    well: [["douya_plays_differences", "0x30"]],
  },
};

test("the rules and dashboards are those of the table", () => {
  const read = (file: string) => readFileSync(fileURLToPath(new URL(`../${file}`, import.meta.url)), "utf8");
  for (const [file, text] of Object.entries(filesOfMetrics((value) => stringify(value, { lineWidth: 0 }))))
    expect(text, file).toBe(read(file));
});

test("each alert fires at its fault, alone, and not when all is well", async (context) => {
  expect(Object.keys(faults).sort()).toEqual(alerts.map(({ name }) => name).sort());
  needsPromtool(context);
  await expectAlerts(
    Object.entries(faults).flatMap(([name, { wrong, well }]) => [
      { series: wrong, fires: [name] },
      { series: well, fires: [] },
    ]),
  );
});

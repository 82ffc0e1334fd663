import { events, jobs } from "./background.ts";
import type { Alert, Area } from "./metric.ts";
import { caches, saturation } from "./saturation.ts";
import { storage } from "./storage.ts";
import { traffic } from "./traffic.ts";

/** Every metric of ours, and those of Node.js that we look at: alert rules, dashboards and docs are made from it. */
export const metricTable: readonly Area[] = [traffic, saturation, events, jobs, storage, caches];

/** A process that Prometheus cannot reach; `up` is its own. */
const down: Alert = {
  name: "DouyaProcessDown",
  when: 'up{job="douya"} == 0',
  forMinutes: 2,
  severity: "page",
  says: { en: "{{ $labels.instance }} does not answer", zh: "{{ $labels.instance }} 没有应答" },
  todo: {
    en: "Start it again; its log says why it ended. One that runs and does not answer: is DOUYA_METRICS_TOKEN right?",
    zh: "重新启动它，原因在其日志里。若在运行却没有应答：DOUYA_METRICS_TOKEN 是否正确？",
  },
};

export const alerts: readonly Alert[] = [
  down,
  ...metricTable.flatMap(({ metrics }) => metrics.flatMap((metric) => metric.alerts ?? [])),
];

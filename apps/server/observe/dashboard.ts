import type { Area, Metric, Said } from "./metric.ts";
import { metricTable } from "./metric-table.ts";

type Language = keyof Said;
interface Chart {
  title: string;
  unit: string;
  /** PromQL, and what a line is called. */
  lines: { expr: string; legendFormat: string }[];
}

const words = {
  rate: { en: "per second", zh: "每秒" },
  errors: { en: "share that fails", zh: "失败比例" },
  p99: { en: "99 % are faster", zh: "99% 快于" },
  firing: { en: "Alarms now", zh: "当前告警" },
} satisfies Record<string, Said>;
/** As Grafana calls them. */
const units = { seconds: "s", bytes: "bytes", count: "short", share: "percentunit" };
const perRow = 3;
const size = { w: 24 / perRow, h: 8 };
// biome-ignore lint/suspicious/noTemplateCurlyInString: Grafana puts its own variable there.
const datasource = { type: "prometheus", uid: "${datasource}" };

function chartsOf({ name, kind, unit, by, same, errors, means }: Metric, language: Language): Chart[] {
  const title = means[language];
  const of = (more: Said) => `${title}: ${more[language]}`;
  const grouped = by ? ` by (${by})` : "";
  const legendFormat = by ? `{{${by}}}` : title;
  const line = (expr: string) => [{ expr, legendFormat }];
  if (kind === "gauge")
    return [{ title, unit: units[unit], lines: line(`${same ? "max" : "sum"}${grouped} (${name})`) }];
  if (kind === "counter")
    return [{ title: of(words.rate), unit: "ops", lines: line(`sum${grouped} (rate(${name}[5m]))`) }];
  const count = (selector = "") => `sum${grouped} (rate(${name}_count${selector}[5m]))`;
  const buckets = `sum by (le${by ? `, ${by}` : ""}) (rate(${name}_bucket[5m]))`;
  return [
    { title: of(words.rate), unit: "ops", lines: line(count()) },
    ...(errors
      ? [
          {
            title: of(words.errors),
            unit: "percentunit",
            lines: line(`${count(`{${errors.label}=~"${errors.like}"}`)} / ${count()}`),
          },
        ]
      : []),
    { title: of(words.p99), unit: "s", lines: line(`histogram_quantile(0.99, ${buckets})`) },
  ];
}

/** The dashboard, as Grafana imports it. */
export function dashboard(language: Language) {
  const firing: Area & { charts: Chart[] } = {
    title: words.firing,
    metrics: [],
    charts: [
      {
        title: words.firing[language],
        unit: "short",
        lines: [
          {
            expr: 'sum by (alertname) (ALERTS{alertname=~"Douya.*", alertstate="firing"})',
            legendFormat: "{{alertname}}",
          },
        ],
      },
    ],
  };
  const areas = [
    firing,
    ...metricTable.map((area) => ({
      ...area,
      charts: area.metrics.flatMap((metric) => chartsOf(metric, language)),
    })),
  ];
  const panels: object[] = [];
  let y = 0;
  for (const { title, charts } of areas) {
    panels.push({
      id: panels.length + 1,
      type: "row",
      title: title[language],
      gridPos: { x: 0, y, w: 24, h: 1 },
    });
    y++;
    for (const [i, { title: chart, unit, lines }] of charts.entries())
      panels.push({
        id: panels.length + 1,
        type: "timeseries",
        title: chart,
        datasource,
        gridPos: { x: (i % perRow) * size.w, y: y + Math.floor(i / perRow) * size.h, ...size },
        fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
        targets: lines.map((line, n) => ({ refId: "ABC"[n], datasource, ...line })),
      });
    y += Math.ceil(charts.length / perRow) * size.h;
  }
  return {
    uid: `douya-${language}`,
    title: language === "zh" ? "豆芽" : "Douya",
    tags: ["douya"],
    schemaVersion: 39,
    refresh: "30s",
    time: { from: "now-1h", to: "now" },
    templating: {
      list: [{ name: "datasource", type: "datasource", query: "prometheus", label: "Prometheus" }],
    },
    panels,
  };
}

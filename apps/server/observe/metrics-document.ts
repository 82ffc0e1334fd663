import { alerts, metricTable } from "./metric-table.ts";

const cell = (text: string) => text.replace(/\s+/g, " ").replaceAll("|", "\\|");

/** The page of metrics and alerts in docs. */
export function metricsDocument(): string {
  const areas = metricTable.flatMap(({ title, metrics }) => [
    `## ${title.en}`,
    "",
    "| metric | kind | unit | by | what it means |",
    "|---|---|---|---|---|",
    ...metrics.map(
      ({ name, kind, unit, by = "", means }) => `| \`${name}\` | ${kind} | ${unit} | ${by} | ${means.en} |`,
    ),
    "",
  ]);
  const rows = alerts.map(
    ({ name, when, forMinutes, severity, says, todo }) =>
      `| \`${name}\` | ${severity} | \`${cell(when)}\` for ${forMinutes} min | ${cell(says.en)} | ${cell(todo.en)} |`,
  );
  return [
    "# Metrics and alerts",
    "",
    "Made by `npm run generate` from `apps/server/observe/metric-table.ts`, as are the alert rules and dashboards in `deploy/observe/`. `page` wakes somebody; `ticket` is looked at within a day.",
    "",
    "## Alerts",
    "",
    "| alert | severity | when | what is wrong | what to do |",
    "|---|---|---|---|---|",
    ...rows,
    "",
    ...areas,
  ].join("\n");
}

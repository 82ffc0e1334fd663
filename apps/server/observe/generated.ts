import { alertRules } from "./alert-rules.ts";
import { dashboard } from "./dashboard.ts";
import { metricsDocument } from "./metrics-document.ts";

const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;

/** Files that are made from the table of metrics, by their paths; `yaml` writes a value as YAML. */
export const filesOfMetrics = (yaml: (value: object) => string): Record<string, string> => ({
  "deploy/observe/alerts.yaml": `# Made by npm run generate from apps/server/observe/metric-table.ts.\n${yaml(alertRules())}`,
  "deploy/observe/dashboard.json": json(dashboard("en")),
  "deploy/observe/dashboard.zh.json": json(dashboard("zh")),
  "docs/metrics.md": metricsDocument(),
});

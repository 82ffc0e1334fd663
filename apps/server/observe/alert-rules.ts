import { alerts } from "./metric-table.ts";

/** The rules of all alerts, as Prometheus reads them. */
export function alertRules() {
  const rules = alerts.map(({ name, when, forMinutes, severity, says, todo }) => ({
    alert: name,
    expr: when,
    ...(forMinutes > 0 && { for: `${forMinutes}m` }),
    labels: { severity },
    annotations: { summary: says.en, summary_zh: says.zh, action: todo.en, action_zh: todo.zh },
  }));
  return { groups: [{ name: "douya", rules }] };
}

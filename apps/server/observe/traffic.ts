import type { Area, Metric } from "./metric.ts";

/** Requests that are not answered at once by design: files on their way, and connections that stay. */
const slowByDesign = ".*(/uploads|/media/|/publish|/realtime|/export).*";

const http: Metric = {
  name: "douya_http_request_seconds",
  kind: "histogram",
  unit: "seconds",
  by: "route",
  errors: { label: "status", like: "5.." },
  means: { en: "Requests, by route", zh: "请求，按路由" },
  alerts: [
    {
      name: "DouyaRequestsFail",
      when: `sum(rate(douya_http_request_seconds_count{status=~"5.."}[5m]))
  / sum(rate(douya_http_request_seconds_count[5m])) > 0.02`,
      forMinutes: 5,
      severity: "page",
      says: {
        en: "{{ $value | humanizePercentage }} of the requests fail",
        zh: "{{ $value | humanizePercentage }} 的请求失败",
      },
      todo: {
        en: "Look at /readyz, then run `douya doctor`; errors are in the log with their trace id.",
        zh: "先看 /readyz，再运行 `douya doctor`；错误及其 trace id 在日志里。",
      },
    },
    {
      name: "DouyaRequestsSlow",
      when: `histogram_quantile(0.99,
  sum by (le) (rate(douya_http_request_seconds_bucket{route!~"${slowByDesign}"}[5m]))) > 1`,
      forMinutes: 10,
      severity: "ticket",
      says: {
        en: "One request in a hundred takes longer than {{ $value | humanizeDuration }}",
        zh: "每一百个请求就有一个超过 {{ $value | humanizeDuration }}",
      },
      todo: {
        en: "The dashboard shows which route and which service; docs/growing.md says what to add.",
        zh: "仪表盘会显示是哪个路由、哪个服务；如何扩容见 docs/growing.md。",
      },
    },
  ],
};

const rpc: Metric = {
  name: "douya_rpc_seconds",
  kind: "histogram",
  unit: "seconds",
  by: "service",
  errors: { label: "outcome", like: "internal|unavailable|deadline" },
  means: { en: "Calls between modules, by service", zh: "模块之间的调用，按服务" },
  alerts: [
    {
      name: "DouyaCallsFail",
      when: `sum by (service) (rate(douya_rpc_seconds_count{outcome=~"internal|unavailable|deadline"}[5m]))
  / sum by (service) (rate(douya_rpc_seconds_count[5m])) > 0.05`,
      forMinutes: 5,
      severity: "page",
      says: {
        en: "{{ $value | humanizePercentage }} of the calls of {{ $labels.service }} fail",
        zh: "对 {{ $labels.service }} 的调用有 {{ $value | humanizePercentage }} 失败",
      },
      todo: {
        en: "See whether its processes run (`douya cluster ps`, /readyz of each) and reach their database.",
        zh: "查看其进程是否在运行（`douya cluster ps`、各进程的 /readyz），以及能否连上数据库。",
      },
    },
  ],
};

const sessionCheck: Metric = {
  name: "douya_session_check_seconds",
  kind: "histogram",
  unit: "seconds",
  means: { en: "Waiting until a session was checked", zh: "等待会话校验的时间" },
};

export const traffic: Area = {
  title: { en: "Traffic, errors, latency", zh: "流量、错误、延迟" },
  metrics: [http, rpc, sessionCheck],
};

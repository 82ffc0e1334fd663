import type { Area } from "./metric.ts";

export const events: Area = {
  title: { en: "Events", zh: "事件" },
  metrics: [
    {
      name: "douya_events_batch_seconds",
      kind: "histogram",
      unit: "seconds",
      by: "group",
      errors: { label: "outcome", like: "failed" },
      means: { en: "Batches of events, by group of consumers", zh: "事件批次，按消费组" },
    },
    {
      name: "douya_events_lag_seconds",
      kind: "gauge",
      unit: "seconds",
      by: "group",
      same: true,
      means: { en: "Age of the oldest event that waits", zh: "最旧待处理事件的年龄" },
      alerts: [
        {
          name: "DouyaEventsLate",
          when: "max by (group) (douya_events_lag_seconds) > 300",
          forMinutes: 2,
          severity: "page",
          says: {
            en: "{{ $labels.group }} is {{ $value | humanizeDuration }} behind",
            zh: "{{ $labels.group }} 落后 {{ $value | humanizeDuration }}",
          },
          todo: {
            en: "`douya events lag` shows whether it moves. If not, the log of its process says why; if it does, add one.",
            zh: "`douya events lag` 显示它是否在前进。若没有，原因在其进程的日志里；若有，增加一个进程。",
          },
        },
      ],
    },
    {
      name: "douya_events_lag_records",
      kind: "gauge",
      unit: "count",
      by: "group",
      same: true,
      means: { en: "Events that wait", zh: "待处理的事件" },
    },
    {
      name: "douya_events_dead_letters",
      kind: "gauge",
      unit: "count",
      by: "group",
      same: true,
      means: { en: "Events that could not be handled", zh: "无法处理的事件" },
      alerts: [
        {
          name: "DouyaDeadLetters",
          when: "max by (group) (douya_events_dead_letters) > 0",
          forMinutes: 1,
          severity: "ticket",
          says: {
            en: "{{ $labels.group }} could not handle {{ $value }} events",
            zh: "{{ $labels.group }} 有 {{ $value }} 个事件无法处理",
          },
          todo: {
            en: "`douya events dead` says why; mend that, then `douya events replay`.",
            zh: "`douya events dead` 说明原因；修复后运行 `douya events replay`。",
          },
        },
      ],
    },
    {
      name: "douya_events_members",
      kind: "gauge",
      unit: "count",
      by: "group",
      same: true,
      means: { en: "Members of a group that are alive", zh: "消费组的存活成员" },
      alerts: [
        {
          name: "DouyaConsumerMissing",
          when: "max by (group) (douya_events_members) == 0",
          forMinutes: 5,
          severity: "page",
          says: {
            en: "Nobody handles the events of {{ $labels.group }}",
            zh: "没有进程处理 {{ $labels.group }} 的事件",
          },
          todo: {
            en: "Start a process of its module, or `douya events forget --group={{ $labels.group }}` when it is not used any more.",
            zh: "启动该模块的进程；若已不再使用，运行 `douya events forget --group={{ $labels.group }}`。",
          },
        },
      ],
    },
  ],
};

export const jobs: Area = {
  title: { en: "Jobs", zh: "任务" },
  metrics: [
    {
      name: "douya_job_seconds",
      kind: "histogram",
      unit: "seconds",
      by: "kind",
      errors: { label: "outcome", like: "failed" },
      means: { en: "Attempts at jobs, by kind", zh: "任务的执行，按种类" },
    },
    {
      name: "douya_jobs_waiting",
      kind: "gauge",
      unit: "count",
      by: "kind",
      same: true,
      means: { en: "Jobs that are due and not begun", zh: "到期未开始的任务" },
    },
    {
      name: "douya_jobs_waiting_seconds",
      kind: "gauge",
      unit: "seconds",
      by: "kind",
      same: true,
      means: { en: "For how long the first of them has been due", zh: "最早的到期任务已等待的时间" },
      alerts: [
        {
          name: "DouyaJobsWait",
          when: "max by (kind) (douya_jobs_waiting_seconds) > 3600",
          forMinutes: 5,
          severity: "ticket",
          says: {
            en: "A job {{ $labels.kind }} has waited for {{ $value | humanizeDuration }}",
            zh: "任务 {{ $labels.kind }} 已等待 {{ $value | humanizeDuration }}",
          },
          todo: {
            en: "See whether a process of its module runs; for videos, add workers (`douya serve --target=media`).",
            zh: "查看该模块的进程是否在运行；若是视频，增加工作进程（`douya serve --target=media`）。",
          },
        },
      ],
    },
    {
      name: "douya_jobs_dead",
      kind: "gauge",
      unit: "count",
      by: "kind",
      same: true,
      means: { en: "Jobs that were given up", zh: "已放弃的任务" },
      alerts: [
        {
          name: "DouyaJobsGivenUp",
          when: "max by (kind) (douya_jobs_dead) > 0",
          forMinutes: 1,
          severity: "ticket",
          says: {
            en: "{{ $value }} jobs {{ $labels.kind }} were given up",
            zh: "{{ $value }} 个 {{ $labels.kind }} 任务已放弃",
          },
          todo: {
            en: "`douya doctor` says why; mend that, then `douya doctor --retry-jobs`.",
            zh: "`douya doctor` 说明原因；修复后运行 `douya doctor --retry-jobs`。",
          },
        },
      ],
    },
  ],
};

import type { Area, Metric } from "./metric.ts";

const gauge = (name: string, en: string, zh: string, more: Partial<Metric> = {}): Metric => ({
  name,
  kind: "gauge",
  unit: "count",
  means: { en, zh },
  ...more,
});

export const saturation: Area = {
  title: { en: "Saturation", zh: "饱和度" },
  metrics: [
    gauge("douya_degraded", "Parts that cannot do what they should", "无法正常工作的部分", {
      by: "part",
      same: true,
      alerts: [
        {
          name: "DouyaDegraded",
          // The others have alarms of their own, which say more.
          when: `max by (part) (douya_degraded{part!~"disk|consumers|deadLetters|jobs"}) == 1`,
          forMinutes: 2,
          severity: "page",
          says: {
            en: "The part {{ $labels.part }} cannot do its work",
            zh: "{{ $labels.part }} 无法正常工作",
          },
          todo: {
            en: "/readyz says what cannot be done, and `douya doctor` what to mend.",
            zh: "/readyz 说明哪些做不了，`douya doctor` 说明如何修复。",
          },
        },
      ],
    }),
    gauge("douya_admission_waiting", "Requests and calls that wait to be let in", "等待放行的请求和调用", {
      by: "at",
    }),
    gauge("douya_admission_shed", "Share that is turned away", "被拒绝的比例", {
      by: "at",
      unit: "share",
      same: true,
      alerts: [
        {
          name: "DouyaShedding",
          when: "max by (at) (douya_admission_shed) > 0.05",
          forMinutes: 5,
          severity: "ticket",
          says: {
            en: "{{ $value | humanizePercentage }} is turned away at {{ $labels.at }}",
            zh: "{{ $labels.at }} 拒绝了 {{ $value | humanizePercentage }}",
          },
          todo: {
            en: "There is more to do than this module can: add a process of it (docs/growing.md).",
            zh: "负载超出该模块的能力：增加一个进程（docs/growing.md）。",
          },
        },
      ],
    }),
    gauge("douya_http_connections", "Open connections of clients", "客户端的连接", { by: "kind" }),
    gauge("douya_realtime_receivers", "Connections that are told in real time", "实时连接"),
    gauge("douya_realtime_entrance", "Connections whose hello waits for its turn", "等待握手的实时连接"),
    gauge("douya_password_queue", "Passwords that wait to be hashed", "等待计算的密码"),
    gauge("douya_inbox_queue", "Readers who wait for their inbox", "等待收件箱的读者"),
    gauge("douya_profile_picture_queue", "Profile pictures that wait to be set", "等待设置的头像"),
    gauge("douya_media_waiting", "Uploads and pictures that wait to be looked at", "等待检查的上传和图片"),
    gauge("douya_resumable_upload_queue", "Files in pieces that wait to be looked at", "等待检查的分片上传"),
    gauge("douya_direct_upload_queue", "Files in S3 that wait to be looked at", "等待检查的 S3 直传"),
    gauge("douya_limit_keys", "People and addresses that a limit remembers", "限流记住的人和地址", {
      by: "limit",
    }),
    gauge("nodejs_eventloop_lag_p99_seconds", "How late a process comes to its work", "事件循环延迟", {
      unit: "seconds",
      by: "instance",
      alerts: [
        {
          name: "DouyaProcessBusy",
          when: "nodejs_eventloop_lag_p99_seconds > 0.5",
          forMinutes: 5,
          severity: "ticket",
          says: {
            en: "{{ $labels.instance }} comes to its work {{ $value | humanizeDuration }} late",
            zh: "{{ $labels.instance }} 的事件循环延迟 {{ $value | humanizeDuration }}",
          },
          todo: {
            en: "Its processor is not enough: give it one more, or add a process (docs/growing.md).",
            zh: "处理器不够：增加处理器，或增加进程（docs/growing.md）。",
          },
        },
      ],
    }),
    gauge("process_resident_memory_bytes", "Memory of a process", "进程内存", {
      unit: "bytes",
      by: "instance",
    }),
  ],
};

export const caches: Area = {
  title: { en: "Caches", zh: "缓存" },
  metrics: [
    gauge("douya_cache_entries", "Answers that a cache remembers", "缓存条目", { by: "cache" }),
    gauge("douya_cache_asked", "Answers that a cache was asked for", "缓存查询", {
      kind: "counter",
      by: "cache",
    }),
    gauge("douya_cache_loaded", "Those that it had to load", "缓存未命中", { kind: "counter", by: "cache" }),
  ],
};

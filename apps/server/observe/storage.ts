import type { Area, Metric } from "./metric.ts";

const disk: Metric[] = [
  {
    name: "douya_disk_free_bytes",
    kind: "gauge",
    unit: "bytes",
    by: "instance",
    means: { en: "Room on the disk of the data folder", zh: "数据目录所在磁盘的剩余空间" },
    alerts: [
      {
        name: "DouyaDiskAlmostFull",
        when: "douya_disk_free_bytes / douya_disk_size_bytes < 0.05",
        forMinutes: 5,
        severity: "page",
        says: {
          en: "The disk of {{ $labels.instance }} has {{ $value | humanizePercentage }} left",
          zh: "{{ $labels.instance }} 的磁盘只剩 {{ $value | humanizePercentage }}",
        },
        todo: {
          en: "Free some space or add a disk (DOUYA_BLOB_DIRS); `douya blobs usage` shows what takes it.",
          zh: "清理空间或增加磁盘（DOUYA_BLOB_DIRS）；`douya blobs usage` 显示占用。",
        },
      },
    ],
  },
  {
    name: "douya_disk_size_bytes",
    kind: "gauge",
    unit: "bytes",
    by: "instance",
    means: { en: "Size of that disk", zh: "该磁盘的大小" },
  },
  {
    name: "douya_disk_full",
    kind: "gauge",
    unit: "count",
    by: "instance",
    means: { en: "Whether nothing can be saved", zh: "是否已无法保存" },
    alerts: [
      {
        name: "DouyaDiskFull",
        when: "douya_disk_full == 1",
        forMinutes: 0,
        severity: "page",
        says: {
          en: "{{ $labels.instance }} cannot save anything: a disk is full",
          zh: "{{ $labels.instance }} 无法保存：磁盘已满",
        },
        todo: {
          en: "Free some space for the data folder, or for the database if that is elsewhere.",
          zh: "为数据目录清理空间；若数据库在别处，则清理那里。",
        },
      },
    ],
  },
];

const database: Metric[] = [
  {
    name: "douya_database_connections",
    kind: "gauge",
    unit: "count",
    by: "database",
    means: { en: "Open connections to a database", zh: "数据库连接" },
  },
  {
    name: "douya_database_waiting",
    kind: "gauge",
    unit: "count",
    by: "database",
    means: { en: "Queries that wait for a connection", zh: "等待连接的查询" },
    alerts: [
      {
        name: "DouyaDatabaseBusy",
        when: "max by (database) (douya_database_waiting) > 100",
        forMinutes: 2,
        severity: "ticket",
        says: {
          en: "{{ $value }} queries wait for a connection to {{ $labels.database }}",
          zh: "{{ $value }} 个查询在等待 {{ $labels.database }} 的连接",
        },
        todo: {
          en: "The database is slow or too small: look for slow statements there, then see docs/growing.md.",
          zh: "数据库太慢或太小：先找出慢语句，再看 docs/growing.md。",
        },
      },
    ],
  },
  {
    name: "douya_replica_lag_bytes",
    kind: "gauge",
    unit: "bytes",
    by: "replica",
    same: true,
    means: { en: "What a replica has still to replay", zh: "副本落后的日志" },
  },
  {
    name: "douya_replica_left_out",
    kind: "gauge",
    unit: "count",
    by: "replica",
    same: true,
    means: { en: "Whether a replica is not read from", zh: "副本是否被跳过" },
    alerts: [
      {
        name: "DouyaReplicaLeftOut",
        when: "max by (replica) (douya_replica_left_out) == 1",
        forMinutes: 5,
        severity: "ticket",
        says: {
          en: "The replica {{ $labels.replica }} is not read from",
          zh: "副本 {{ $labels.replica }} 被跳过",
        },
        todo: {
          en: "`douya doctor` says why: it lags, is away or follows another primary. Nobody reads anything old.",
          zh: "`douya doctor` 说明原因：落后、离线或跟随了别的主库。没有人会读到旧数据。",
        },
      },
    ],
  },
];

export const storage: Area = {
  title: { en: "Disk and database", zh: "磁盘与数据库" },
  metrics: [
    ...disk,
    ...database,
    {
      name: "douya_certificate_end_seconds",
      kind: "gauge",
      unit: "seconds",
      by: "file",
      means: { en: "When a certificate between processes ends, since 1970", zh: "进程间证书的到期时间" },
      alerts: [
        {
          name: "DouyaCertificateEnds",
          when: "min by (file, instance) (douya_certificate_end_seconds) - time() < 14 * 86400",
          forMinutes: 10,
          severity: "ticket",
          says: {
            en: "The certificate ({{ $labels.file }}) of {{ $labels.instance }} ends in {{ $value | humanizeDuration }}",
            zh: "{{ $labels.instance }} 的证书（{{ $labels.file }}）将在 {{ $value | humanizeDuration }} 后到期",
          },
          todo: {
            en: "Renew it and put the files in the same place; they are used within seconds.",
            zh: "更新证书并放回原处；数秒内生效。",
          },
        },
      ],
    },
    {
      name: "douya_plays_refused",
      kind: "counter",
      unit: "count",
      by: "reason",
      means: { en: "Entries of players that were not counted", zh: "未计入的播放上报" },
    },
    {
      name: "douya_plays_unproven_seconds",
      kind: "gauge",
      unit: "seconds",
      same: true,
      means: { en: "For how long an hour of plays could have been proven", zh: "播放小时待核对的时间" },
    },
    {
      name: "douya_plays_differences",
      kind: "gauge",
      unit: "count",
      same: true,
      means: { en: "Figures of videos that differ from what players told", zh: "与播放上报不符的数字" },
      alerts: [
        {
          name: "DouyaPlaysDiffer",
          when: "max(douya_plays_differences) > 0",
          forMinutes: 10,
          severity: "ticket",
          says: {
            en: "{{ $value }} figures of videos differ from what players told",
            zh: "{{ $value }} 个视频数字与播放上报不符",
          },
          todo: {
            en: "`douya doctor --recount` names them, `douya rebuild views` makes them anew.",
            zh: "`douya doctor --recount` 列出它们，`douya rebuild views` 重新生成。",
          },
        },
      ],
    },
  ],
};

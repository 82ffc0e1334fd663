import { X509Certificate } from "node:crypto";
import { checkNats } from "#platform/events/nats/check-nats.ts";
import { checkRedis } from "#platform/redis/check-redis.ts";
import { checkEtcd } from "#platform/registry/etcd/check-etcd.ts";
import { checkPages, checkS3 } from "#platform/s3/check-s3.ts";
import { readCertificates } from "#platform/tls/certificates.ts";
import type { Config } from "../config.ts";
import { checkDisks, s3Options } from "../open-blobs.ts";
import { engineTls, tlsFiles } from "../open-transport.ts";
import { checkBackups } from "./check-backups.ts";
import { checkMediaUrl } from "./check-media-url.ts";

/** What `douya doctor` says of an engine. */
interface EngineCheck {
  name: string;
  /** Whether the configuration names the engine. */
  isUsed(config: Config): boolean;
  /** Its version and how fast it answers. An error says what is not as it must be, and how to mend it. */
  look(config: Config): Promise<string>;
}

export const engineChecks: readonly EngineCheck[] = [
  {
    name: "etcd",
    isUsed: ({ etcdUrl }) => etcdUrl !== "",
    look: (config) => checkEtcd(config.etcdUrl, config.etcdPrefix, engineTls(config)),
  },
  {
    name: "NATS",
    isUsed: ({ natsUrl }) => natsUrl !== "",
    look: (config) => checkNats(config.natsUrl, engineTls(config)),
  },
  {
    name: "Redis",
    isUsed: ({ redisUrl }) => redisUrl !== "",
    look: (config) => checkRedis(config.redisUrl, engineTls(config)),
  },
  {
    name: "S3",
    isUsed: ({ blobs, s3Bucket }) => blobs === "s3" || s3Bucket !== "",
    look: (config) => checkS3(s3Options(config)),
  },
  {
    name: "S3 pages",
    isUsed: ({ blobs }) => blobs === "s3",
    look: async (config) =>
      checkPages(s3Options(config), config.publicUrl || `http://localhost:${config.port}`),
  },
  {
    name: "CDN",
    isUsed: ({ mediaUrl }) => mediaUrl !== "",
    look: checkMediaUrl,
  },
  {
    name: "disks",
    isUsed: ({ blobDirs }) => blobDirs.length > 0,
    look: checkDisks,
  },
  {
    name: "backups",
    isUsed: ({ backupTo }) => backupTo !== "",
    look: checkBackups,
  },
  {
    name: "TLS",
    isUsed: ({ tlsCert, tlsKey, tlsCa }) => (tlsCert || tlsKey || tlsCa) !== "",
    async look(config) {
      const { cert } = await readCertificates(tlsFiles(config)!);
      return `calls between processes are encrypted; this certificate ends ${new X509Certificate(cert).validTo}`;
    },
  },
];

import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { AwsClient } from "aws4fetch";
import { type S3Client, type S3Options, s3Client } from "#platform/s3/s3-client.ts";
import { type EngineProcess, startEngine } from "./engine-process.ts";
import { freePorts } from "./free-ports.ts";
import { patienceMs } from "./patience.ts";
import { withEngine } from "./with-engine.ts";

/** A Ceph of one monitor and one store in memory, with its S3: RADOS Gateway. */
export interface PrivateCeph {
  /** The S3 alone, which can be killed and started again. */
  gateway: EngineProcess;
  options(bucket: string): S3Options;
  /** Makes a bucket of its own; `letIn` lets pages of one origin put files into it, and of no other. */
  bucket(): Promise<S3Options & { client: S3Client; letIn(origin: string): Promise<void> }>;
  remove(): Promise<void>;
}

const run = promisify(execFile);

/** Starts one before the tests of this file or `describe`; skips them where there is none. */
export function withS3(): () => PrivateCeph {
  return withEngine("Ceph", ["ceph-mon", "ceph-osd", "radosgw", "ceph", "radosgw-admin"], startPrivateCeph);
}

async function startPrivateCeph(): Promise<PrivateCeph> {
  const folder = await mkdtemp(join(tmpdir(), "douya-ceph-"));
  const [monitor, olderMonitor, port] = await freePorts(3);
  const config = join(folder, "ceph.conf");
  const [fsid, disk] = [randomUUID(), randomUUID()];
  const addresses = `[v2:127.0.0.1:${monitor},v1:127.0.0.1:${olderMonitor}]`;
  for (const name of ["mon", "osd", "gateway", "run"]) await mkdir(join(folder, name));
  await writeFile(
    config,
    `[global]
fsid = ${fsid}
mon_host = ${addresses}
mon_initial_members = a
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_bind_ipv6 = false
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 1
osd_pool_default_pgp_num = 1
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 0
run_dir = ${folder}/run
log_file = ${folder}/run/$name.log
admin_socket = ${folder}/run/$name.asok
[mon.a]
mon_data = ${folder}/mon
[osd.0]
osd_data = ${folder}/osd
osd_objectstore = memstore
memstore_device_bytes = 4294967296
[client.rgw.a]
ms_mon_client_mode = crc
rgw_data = ${folder}/gateway
rgw_frontends = beast endpoint=127.0.0.1:${port}
rgw_thread_pool_size = 64
`,
  );
  const at = ["-c", config];
  const ceph = (...words: string[]) => run("ceph", [...at, ...words], { timeout: 15_000 });
  const map = join(folder, "monmap");
  await run("monmaptool", ["--create", "--fsid", fsid, "--addv", "a", addresses, map]);
  await run("ceph-mon", [...at, "--mkfs", "-i", "a", "--monmap", map]);
  const engines: EngineProcess[] = [];
  const start = async (program: string, args: string[], isReady: () => Promise<boolean>) => {
    const engine = await startEngine(program, [...at, ...args, "-f"], isReady);
    engines.unshift(engine);
    return engine;
  };
  const remove = async () => {
    for (const engine of engines) await engine.kill();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await start("ceph-mon", ["-i", "a"], async () => (await ceph("mon", "stat")).stdout.includes("quorum"));
    await ceph("osd", "new", disk, "0");
    await run("ceph-osd", [...at, "-i", "0", "--mkfs", "--osd-uuid", disk]);
    await start("ceph-osd", ["-i", "0"], async () => (await ceph("osd", "stat")).stdout.includes("1 up"));
    const endpoint = `http://127.0.0.1:${port}`;
    const gateway = await start("radosgw", ["-n", "client.rgw.a"], async () => (await fetch(endpoint)).ok);
    const [accessKey, secretKey] = ["DOUYATESTS", "of no use elsewhere"];
    await run(
      "radosgw-admin",
      [
        ...[...at, "-n", "client.rgw.a", "user", "create", "--uid=douya", "--display-name=douya"],
        ...[`--access-key=${accessKey}`, `--secret=${secretKey}`],
      ],
      { timeout: patienceMs },
    );
    const options = (bucket: string): S3Options => ({
      ...{ endpoint, bucket, accessKey, secretKey },
      ...{ region: "us-east-1", pathStyle: true },
    });
    return {
      gateway,
      options,
      async bucket() {
        const own = options(`douya-${randomUUID()}`);
        const client = s3Client(own);
        // A bucket is made by a PUT of its own path.
        await client.put("", Buffer.alloc(0));
        return { ...own, client, letIn: (origin) => letIn(own, origin) };
      },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

async function letIn({ endpoint, bucket, accessKey, secretKey, region }: S3Options, origin: string) {
  const rule = `<AllowedOrigin>${origin}</AllowedOrigin><AllowedMethod>PUT</AllowedMethod>`;
  const asker = new AwsClient({ accessKeyId: accessKey, secretAccessKey: secretKey, region, service: "s3" });
  const { ok, status } = await asker.fetch(`${endpoint}/${bucket}?cors`, {
    method: "PUT",
    body: `<CORSConfiguration><CORSRule>${rule}</CORSRule></CORSConfiguration>`,
  });
  if (!ok) throw new Error(`the rule for other origins: ${status}`);
}

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TlsFiles } from "../tls/certificates.ts";

const run = promisify(execFile);

/** Signs certificates for tests. */
export interface TestAuthority {
  /** A certificate for this machine, in files of this name. */
  issue(name: string, options?: { expired?: boolean }): Promise<TlsFiles>;
  remove(): Promise<void>;
}

/** With openssl, which must be on the PATH. */
export async function makeAuthority(): Promise<TestAuthority> {
  const folder = await mkdtemp(join(tmpdir(), "douya-tls-"));
  const openssl = (...args: string[]) => run("openssl", args, { cwd: folder });
  const keyOptions = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const subject = ["-subj", "/CN=douya test"];
  await openssl(
    "req",
    "-x509",
    ...keyOptions,
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-days",
    "2",
    ...subject,
  );
  return {
    async issue(name, { expired = false } = {}) {
      const extension = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"];
      await openssl(
        "req",
        "-new",
        ...keyOptions,
        "-keyout",
        `${name}.key`,
        "-out",
        `${name}.csr`,
        ...subject,
        ...extension,
      );
      const signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-copy_extensions", "copy"];
      // It ends as it begins.
      const days = ["-days", expired ? "0" : "1"];
      await openssl("x509", "-req", "-in", `${name}.csr`, ...signing, ...days, "-out", `${name}.pem`);
      return {
        cert: join(folder, `${name}.pem`),
        key: join(folder, `${name}.key`),
        ca: join(folder, "ca.pem"),
      };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

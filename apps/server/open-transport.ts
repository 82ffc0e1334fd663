import { isIP } from "node:net";
import { refusal } from "#contracts/reasons.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { Metrics } from "#platform/observe/metrics.ts";
import { mutualTls, plaintext, type RpcCredentials } from "#platform/rpc/rpc-credentials.ts";
import { exportCertificateEnds } from "#platform/tls/certificate-metrics.ts";
import { type TlsFiles, watchCertificates } from "#platform/tls/certificates.ts";
import { type EngineTls, readEngineTls } from "#platform/tls/engine-tls.ts";
import type { Config } from "./config.ts";

/** How calls between processes are protected: by certificates where they are given. Error: TLS_UNUSABLE. */
export async function openTransport(
  config: Config,
  { metrics, log }: { metrics: Metrics; log: Logger },
): Promise<{ credentials: RpcCredentials; stop(): void }> {
  const files = tlsFiles(config);
  const certificates = files && (await watchCertificates(files, log));
  exportCertificateEnds(metrics, certificates);
  if (!certificates) return { credentials: plaintext, stop: () => {} };
  return { credentials: mutualTls(certificates, config.tlsPeerName || undefined), stop: certificates.stop };
}

/** The files of certificates; undefined if none is given. Error: TLS_UNUSABLE when some are missing. */
export function tlsFiles({ tlsCert: cert, tlsKey: key, tlsCa: ca }: Config): TlsFiles | undefined {
  if (!cert && !key && !ca) return undefined;
  if (cert && key && ca) return { cert, key, ca };
  throw refusal("TLS_UNUSABLE", { what: "DOUYA_TLS_CERT, DOUYA_TLS_KEY and DOUYA_TLS_CA belong together" });
}

/** What encrypted connections to engines rest on; read at the start alone. Error: ENGINE_TLS_UNUSABLE. */
export function engineTls({ engineCa: ca, engineCert: cert, engineKey: key }: Config): EngineTls {
  return readEngineTls({ ca, cert, key });
}

/** Calls that leave the machine must be encrypted, or said to need it not. Error: RPC_PLAINTEXT. */
export function refusePlaintext(config: Config): void {
  const { rpcHost, rpcPlaintext } = config;
  if (!tlsFiles(config) && !isLoopback(rpcHost) && !rpcPlaintext)
    throw refusal("RPC_PLAINTEXT", { host: rpcHost });
}

function isLoopback(host: string): boolean {
  return (
    host === "localhost" ||
    host === "::1" ||
    host === "[::1]" ||
    (isIP(host) === 4 && host.startsWith("127."))
  );
}

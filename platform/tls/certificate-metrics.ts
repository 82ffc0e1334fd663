import { X509Certificate } from "node:crypto";
import type { Metrics } from "../observe/metrics.ts";
import type { WatchedCertificates } from "./certificates.ts";

/** Exports when the certificates end that are used now; nothing where there are none. */
export function exportCertificateEnds(
  metrics: Metrics,
  certificates?: Pick<WatchedCertificates, "current">,
): void {
  metrics.gauges(
    "douya_certificate_end_seconds",
    "When a certificate between processes ends, in seconds since 1970",
    "file",
    async () => {
      if (!certificates) return [];
      const { cert, ca } = certificates.current();
      return Object.entries({ cert, ca }).map(([file, pem]) => ({ labels: { file }, value: endOf(pem) }));
    },
  );
}

/** Of the first certificate of a PEM file, in seconds since 1970. */
function endOf(pem: Buffer): number {
  return Date.parse(new X509Certificate(pem).validTo) / 1000;
}

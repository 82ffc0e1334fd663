import { ChannelCredentials, experimental, ServerCredentials } from "@grpc/grpc-js";
import type { WatchedCertificates } from "../tls/certificates.ts";

/** How calls between processes are protected on the way. */
export interface RpcCredentials {
  server: ServerCredentials;
  channel: ChannelCredentials;
  /** What certificates are issued to, when that is not the address that is called. */
  peerName?: string | undefined;
  /** What a connection is encrypted with; undefined where none is. */
  tls?: () => { ca: Buffer; cert: Buffer; key: Buffer };
}

/** Not at all. */
export const plaintext: RpcCredentials = {
  server: ServerCredentials.createInsecure(),
  channel: ChannelCredentials.createInsecure(),
};

/** Both sides show a certificate of the same authority; new connections use the certificates as they are then. */
export function mutualTls(certificates: WatchedCertificates, peerName?: string): RpcCredentials {
  const provider = providerOf(certificates);
  return {
    server: experimental.createCertificateProviderServerCredentials(provider, provider, true),
    channel: experimental.createCertificateProviderChannelCredentials(provider, provider),
    peerName,
    tls: certificates.current,
  };
}

function providerOf(certificates: WatchedCertificates): experimental.CertificateProvider {
  const stops = new Map<object, () => void>();
  function follow(listener: object, tell: () => void): void {
    // Whoever asks is only then ready to be told.
    queueMicrotask(tell);
    stops.set(listener, certificates.watch(tell));
  }
  function leave(listener: object): void {
    stops.get(listener)?.();
    stops.delete(listener);
  }
  return {
    addCaCertificateListener: (listener) =>
      follow(listener, () => listener({ caCertificate: certificates.current().ca })),
    removeCaCertificateListener: leave,
    addIdentityCertificateListener: (listener) =>
      follow(listener, () => {
        const { cert, key } = certificates.current();
        listener({ certificate: cert, privateKey: key });
      }),
    removeIdentityCertificateListener: leave,
  };
}

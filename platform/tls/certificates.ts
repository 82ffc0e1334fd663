import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { refusal } from "../errors/reasons.ts";
import type { Logger } from "../observe/log.ts";

/** Paths of PEM files: this process's certificate with its chain, its key, and who signs those of the others. */
export interface TlsFiles {
  cert: string;
  key: string;
  ca: string;
}

export interface Certificates {
  cert: Buffer;
  key: Buffer;
  ca: Buffer;
}

/** Certificates that follow their files. */
export interface WatchedCertificates {
  current(): Certificates;
  /** Calls `changed` after each change, until the function that it returns is called. */
  watch(changed: () => void): () => void;
  stop(): void;
}

const lookMs = 2_000;

/** Reads the files. Error: TLS_UNUSABLE, with what is wrong. */
export async function readCertificates(files: TlsFiles): Promise<Certificates> {
  const read = (what: "cert" | "key" | "ca") =>
    readFile(files[what]).catch((error) => {
      throw refusal("TLS_UNUSABLE", { what: `${files[what]} cannot be read (${error.code})` });
    });
  const [cert, key, ca] = await Promise.all([read("cert"), read("key"), read("ca")]);
  const own = parsed(files.cert, () => new X509Certificate(cert));
  const signer = parsed(files.ca, () => new X509Certificate(ca));
  const privateKey = parsed(files.key, () => createPrivateKey(key));
  const bad = (what: string) => refusal("TLS_UNUSABLE", { what });
  if (!own.checkPrivateKey(privateKey)) throw bad(`${files.key} is not the key of ${files.cert}`);
  if (Date.parse(own.validTo) < Date.now()) throw bad(`${files.cert} has expired at ${own.validTo}`);
  if (Date.parse(signer.validTo) < Date.now()) throw bad(`${files.ca} has expired at ${signer.validTo}`);
  // Several of either may form a chain, which the others will check.
  const single = [cert, ca].every((pem) => pem.toString().split("-----BEGIN CERTIFICATE-----").length === 2);
  if (single && !own.verify(signer.publicKey)) throw bad(`${files.cert} was not signed by ${files.ca}`);
  parsed(files.cert, () => createSecureContext({ cert, key, ca }));
  return { cert, key, ca };
}

/**
 * Reads the files now, and again when they change: a change that is not usable is reported, and what was before stays.
 * Error: TLS_UNUSABLE.
 */
export async function watchCertificates(files: TlsFiles, log: Logger): Promise<WatchedCertificates> {
  let current = await readCertificates(files);
  const watchers = new Set<() => void>();
  let looking = false;
  let reported = "";

  async function look(): Promise<void> {
    const found = await readCertificates(files);
    reported = "";
    if ((["cert", "key", "ca"] as const).every((what) => found[what].equals(current[what]))) return;
    current = found;
    for (const changed of watchers) changed();
    log.info("the certificates have changed");
  }

  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    look()
      .catch((error: Error) => {
        if (error.message !== reported) log.warn({ err: error }, "the certificates before are still used");
        reported = error.message;
      })
      .finally(() => {
        looking = false;
      });
  }, lookMs).unref();
  return {
    current: () => current,
    watch(changed) {
      // A listener of its own, so that each stops for itself.
      const watcher = () => changed();
      watchers.add(watcher);
      return () => void watchers.delete(watcher);
    },
    stop: () => clearInterval(timer),
  };
}

function parsed<Result>(file: string, parse: () => Result): Result {
  try {
    return parse();
  } catch {
    throw refusal("TLS_UNUSABLE", { what: `${file} is not what it should be: a PEM file` });
  }
}

import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { refusal } from "../errors/reasons.ts";

/** PEM: who signs the certificates of engines (absent: whom the system trusts), and what this process shows them. */
export interface EngineTls {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
}

/** Reads the files that are named. Error: ENGINE_TLS_UNUSABLE. */
export function readEngineTls(files: { ca: string; cert: string; key: string }): EngineTls {
  if ((files.cert === "") !== (files.key === "")) throw unusable("a certificate and its key belong together");
  const named = Object.entries(files).filter(([, file]) => file !== "");
  const read = ([what, file]: [string, string]) => {
    try {
      return [what, readFileSync(file)];
    } catch (error) {
      throw unusable(`${file} cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
  };
  const tls: EngineTls = Object.fromEntries(named.map(read));
  if (tls.ca && !tls.ca.includes("-----BEGIN CERTIFICATE-----"))
    throw unusable(`${files.ca} is not what it should be: a PEM file`);
  try {
    createSecureContext(tls);
  } catch {
    throw unusable(`${named.map(([, file]) => file).join(", ")}: no PEM files that belong together`);
  }
  return tls;
}

/**
 * What is wrong between this process and an engine, and how to mend it; undefined when it is not about TLS. `shown` is
 * what an encrypted connection was made with.
 */
export function tlsProblem(
  { code = "", message }: Error & { code?: string | number },
  shown?: { cert?: unknown },
): string | undefined {
  const said = `${code} ${message}`.toLowerCase();
  const says = (...words: string[]) => words.some((word) => said.includes(word));
  if (says("certificate required", "bad certificate", "alert unknown ca", "alert certificate"))
    return "it wants to see a certificate that it trusts: give DOUYA_ENGINE_CERT and DOUYA_ENGINE_KEY";
  if (says("wrong version number", "packet length too long", "eproto")) return "it does not speak TLS there";
  if (says("altname")) return `its certificate is for another host (${message})`;
  if (says("certificate", "self-signed", "self_signed", "issuer"))
    return `its certificate is not trusted (${message}): give who signed it in DOUYA_ENGINE_CA`;
  // TLS 1.3 refuses a client after its handshake, and a reset connection may lose the words of that.
  if (shown && !shown.cert && says("econnreset", "epipe", "socket hang up"))
    return "it hangs up: if it wants to see a certificate, give DOUYA_ENGINE_CERT and DOUYA_ENGINE_KEY";
  return undefined;
}

const unusable = (what: string) => refusal("ENGINE_TLS_UNUSABLE", { what });

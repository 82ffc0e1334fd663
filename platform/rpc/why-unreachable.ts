import { connect, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import type { RpcCredentials } from "./rpc-credentials.ts";

const waitMs = 5_000;
/** How a client of HTTP/2 begins: with these words and an empty frame of settings. */
const preface = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);
const settingsFrame = 4;
const files = "DOUYA_TLS_CERT, DOUYA_TLS_KEY and DOUYA_TLS_CA";

/** Why a process cannot be called at host:port, and what to do about it; undefined when it can. */
export async function whyUnreachable(
  address: string,
  { tls, peerName }: Pick<RpcCredentials, "tls" | "peerName">,
): Promise<string | undefined> {
  const { hostname, port } = new URL(`http://${address}`);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  const at = { host, port: Number(port || 80), timeout: waitMs };
  const name = peerName ?? host;
  const socket = tls
    ? connectTls({ ...at, ...tls(), ALPNProtocols: ["h2"], ...(!isIP(name) && { servername: name }) })
    : connect(at);
  try {
    const first = await new Promise<Buffer>((resolve, reject) => {
      socket.once("data", resolve);
      socket.once("error", reject);
      socket.once("timeout", () => reject(Object.assign(new Error("no answer"), { code: "ETIMEDOUT" })));
      socket.once("close", () => reject(Object.assign(new Error("it hung up"), { code: "ECONNRESET" })));
      socket.once(tls ? "secureConnect" : "connect", () => socket.write(preface));
    });
    if (first[3] === settingsFrame) return undefined;
    // An alert.
    if (!tls && first[0] === 0x15) return wantsTls;
    return "whoever listens there is no process of Douya: look at DOUYA_RPC_ADDRESS there, or DOUYA_SERVICES here";
  } catch (error) {
    return sentenceOf(error as NodeJS.ErrnoException, tls !== undefined);
  } finally {
    socket.destroy();
  }
}

const wantsTls = `it wants TLS: give this process ${files} too`;

function sentenceOf({ code = "", message }: NodeJS.ErrnoException, encrypted: boolean): string {
  const said = `${code} ${message}`.toLowerCase();
  const says = (...words: string[]) => words.some((word) => said.includes(word));
  if (says("enotfound", "eai_again"))
    return `there is no such host (${code}): look at DOUYA_RPC_ADDRESS there, or DOUYA_SERVICES here`;
  if (says("econnrefused", "etimedout", "ehostunreach", "enetunreach"))
    return `nothing answers there (${code}): is the process up, does its DOUYA_RPC_HOST let others in, is a firewall between?`;
  if (!encrypted) return says("econnreset", "epipe") ? wantsTls : message;
  if (says("wrong version number", "packet length too long", "eproto"))
    return `it does not speak TLS: give it ${files} too`;
  if (says("altname"))
    return `its certificate is for another host (${message}): issue one for the address, or set DOUYA_TLS_PEER_NAME`;
  if (says("alert", "econnreset", "epipe"))
    return "it does not trust the certificate of this process: its DOUYA_TLS_CA must hold who signed our DOUYA_TLS_CERT";
  return `its certificate is not trusted (${message}): DOUYA_TLS_CA must hold who signed it`;
}

import { createGunzip } from "node:zlib";
import type { FastifyRequest } from "fastify";

declare module "fastify" {
  interface FastifyContextConfig {
    /** The body may come with `content-encoding: gzip`; the route has `unzipped` as its `preParsing` hook. */
    takesGzip?: boolean;
  }
}

/** Whether the body is in a form that the route does not take. */
export function isForeignCoding(coding: string | undefined, takesGzip: boolean): boolean {
  const name = coding?.toLowerCase();
  return name !== undefined && name !== "identity" && !(takesGzip && name === "gzip");
}

/**
 * The body as it was before it was compressed. The parser counts what comes out against its limit, so that a small body
 * which becomes a large one is refused; so is one that is no gzip, or ends too early.
 */
export async function unzipped(
  { headers }: FastifyRequest,
  _reply: unknown,
  payload: NodeJS.ReadableStream,
): Promise<NodeJS.ReadableStream> {
  if (headers["content-encoding"]?.toLowerCase() !== "gzip") return payload;
  // What came is compared with the announced length.
  const unzip = Object.assign(createGunzip(), { receivedEncodedLength: 0 });
  // Once the parser has refused the body, nobody else hears of its errors.
  unzip.on("error", () => {});
  payload.on("data", (chunk: Buffer) => {
    unzip.receivedEncodedLength += chunk.length;
  });
  payload.on("error", (error) => unzip.destroy(error));
  return payload.pipe(unzip);
}

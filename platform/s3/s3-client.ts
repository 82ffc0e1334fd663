import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { AwsV4Signer } from "aws4fetch";
import { refusal } from "../errors/reasons.ts";

/** Where an S3 is, and who asks. */
export interface S3Options {
  /** https://s3.example.org, or https://example.org:9000. */
  endpoint: string;
  /** The same S3 as browsers and apps reach it. */
  publicEndpoint?: string;
  region: string;
  bucket: string;
  accessKey: string;
  secretKey: string;
  /** Whether the bucket is the first part of the path, not of the name of the host. */
  pathStyle: boolean;
}

export interface S3Object {
  key: string;
  sizeBytes: number;
  modifiedMs: number;
}

/** An upload in parts that was begun and not ended. */
export interface S3Unfinished {
  key: string;
  uploadId: string;
  begunMs: number;
}

/** A bucket of an S3. Errors everywhere: BLOBS_UNAVAILABLE; of what is not there: one with the code ENOENT. */
export type S3Client = ReturnType<typeof s3Client>;

/** The smallest part that S3 takes, but for the last one, is 5 MiB; there are 10,000 parts at most. */
export const partBytes = 8 * 1024 * 1024;

const tries = 3;
const retryMs = 200;
/** Until the head of an answer. One with a body of `partBytes` gets more. */
const answerMs = 10_000;
const partMs = 60_000;
/** Without a byte for so long a download is broken. */
const silentMs = 20_000;
/** Answers that are XML are small. */
const maxXmlBytes = 4 * 1024 * 1024;

export function s3Client(options: S3Options) {
  const { endpoint, region, bucket, accessKey, secretKey } = options;
  const root = bucketUrl(endpoint, options);
  const publicRoot = bucketUrl(options.publicEndpoint || endpoint, options);
  /** Signing keys of the day. */
  const cache = new Map<string, ArrayBuffer>();
  const signing = { accessKeyId: accessKey, secretAccessKey: secretKey, region, service: "s3", cache };

  function urlOf(key: string, query: Record<string, string> = {}, within = root): string {
    const url = new URL(`${within}/${key}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    return url.href;
  }

  interface Sent {
    query?: Record<string, string>;
    headers?: Record<string, string>;
    body?: Buffer;
    waitMs?: number;
    /** Ends the wait for the body too. */
    abort?: AbortController;
  }

  /** One try. What is not 2xx, 404 or 416 is an error. */
  async function once(method: string, key: string, sent: Sent): Promise<Response> {
    const { query, headers = {}, body, waitMs = answerMs, abort = new AbortController() } = sent;
    const signer = new AwsV4Signer({
      ...signing,
      method,
      url: urlOf(key, query),
      // So that S3 compares what has come.
      headers: {
        ...headers,
        "x-amz-content-sha256": createHash("sha256")
          .update(body ?? "")
          .digest("hex"),
      },
      ...(body && { body: body as Uint8Array<ArrayBuffer> }),
    });
    const signed = await signer.sign();
    const timer = setTimeout(() => abort.abort(), waitMs);
    try {
      const answer = await fetch(signed.url, {
        method: signed.method,
        headers: signed.headers,
        body: signed.body ?? null,
        redirect: "manual",
        signal: abort.signal,
      });
      if (answer.ok || answer.status === 404 || answer.status === 416) return answer;
      throw new S3Refusal(answer.status, await xmlOf(answer).catch(() => ""));
    } finally {
      clearTimeout(timer);
    }
  }

  async function send(method: string, key: string, sent: Sent = {}, most = tries): Promise<Response> {
    for (let attempt = 1; ; attempt++)
      try {
        return await once(method, key, sent);
      } catch (error) {
        const again = !(error instanceof S3Refusal) || error.status >= 500 || error.status === 429;
        if (attempt >= most || !again || sent.abort?.signal.aborted) throw unavailable(error);
        await delay(retryMs * 2 ** attempt);
      }
  }

  /** An answer that is XML, whole. */
  async function ask(method: string, key: string, sent: Sent): Promise<string> {
    const abort = new AbortController();
    const answer = await send(method, key, { ...sent, abort });
    if (answer.status === 404) throw missing(key);
    const timer = setTimeout(() => abort.abort(), sent.waitMs ?? answerMs);
    try {
      return await xmlOf(answer);
    } catch (error) {
      throw unavailable(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async function found(method: string, key: string, sent: Sent): Promise<Response> {
    const answer = await send(method, key, sent);
    await answer.body?.cancel();
    if (answer.status === 404) throw missing(key);
    return answer;
  }

  /** A copy may answer 200 and say in its body that it has failed. */
  async function changed(method: string, key: string, sent: Sent): Promise<string> {
    const xml = await ask(method, key, { waitMs: partMs, ...sent });
    if (/<Error>/.test(xml)) throw unavailable(new S3Refusal(500, xml));
    return xml;
  }

  async function* pages(query: Record<string, string>, next: (xml: string) => Record<string, string>) {
    for (let more: Record<string, string> = {}; ; ) {
      const xml = await ask("GET", "", { query: { ...query, ...more } });
      yield xml;
      if (textIn(xml, "IsTruncated") !== "true") return;
      more = next(xml);
    }
  }

  /** Undefined if there is none. */
  async function sizeOf(key: string): Promise<number | undefined> {
    const answer = await send("HEAD", key);
    return answer.status === 404 ? undefined : Number(answer.headers.get("content-length"));
  }

  return {
    /** Of the URLs that `presign` makes. */
    publicOrigin: new URL(publicRoot).origin,
    sizeOf,

    async put(key: string, body: Buffer): Promise<void> {
      await found("PUT", key, { body, waitMs: partMs });
    },

    /** Bytes `start` to `end`, both included. It fails with the first read. */
    read(key: string, range?: { start: number; end: number }): Readable {
      const abort = new AbortController();
      const headers = range && { range: `bytes=${range.start}-${range.end}` };
      async function* bytes() {
        const answer = await send("GET", key, { abort, ...(headers && { headers }) });
        if (answer.status === 404) throw missing(key);
        if (answer.status === 416) return;
        const reader = answer.body!.getReader();
        for (;;) {
          const timer = setTimeout(() => abort.abort(), silentMs);
          const step = await reader
            .read()
            .catch((error) => {
              throw unavailable(error);
            })
            .finally(() => clearTimeout(timer));
          if (step.done) return;
          yield Buffer.from(step.value.buffer, step.value.byteOffset, step.value.byteLength);
        }
      }
      const readable = Readable.from(bytes(), { objectMode: false, highWaterMark: 256 * 1024 });
      readable.once("close", () => abort.abort());
      return readable;
    },

    /** `once`: without another try, for who holds something meanwhile and comes again. */
    async remove(key: string, { once = false } = {}): Promise<void> {
      const answer = await send("DELETE", key, {}, once ? 1 : tries);
      await answer.body?.cancel();
    },

    /** Within the bucket, up to 5 GB. */
    async copy(from: string, to: string): Promise<void> {
      await changed("PUT", to, { headers: { "x-amz-copy-source": `/${bucket}/${from}` } });
    },

    /** In the order of their keys. */
    async *list(prefix: string): AsyncGenerator<S3Object> {
      const next = (xml: string) => ({ "continuation-token": textIn(xml, "NextContinuationToken") });
      for await (const xml of pages({ "list-type": "2", prefix }, next))
        for (const item of itemsIn(xml, "Contents"))
          yield {
            key: textIn(item, "Key"),
            sizeBytes: Number(textIn(item, "Size")),
            modifiedMs: Date.parse(textIn(item, "LastModified")),
          };
    },

    /** Begins an upload in parts. */
    async begin(key: string): Promise<string> {
      const uploadId = textIn(await ask("POST", key, { query: { uploads: "" } }), "UploadId");
      if (!uploadId) throw unavailable(new Error("no UploadId"));
      return uploadId;
    },
    /** Returns the ETag of the part; the first one is 1. */
    async putPart(key: string, uploadId: string, part: number, body: Buffer): Promise<string> {
      const query = { partNumber: String(part), uploadId };
      const { headers } = await found("PUT", key, { query, body, waitMs: partMs });
      return headers.get("etag") ?? "";
    },
    /** The part is the whole of `from`, or its bytes `start` to `end`, both included. */
    async copyPart(
      key: string,
      uploadId: string,
      part: number,
      from: string,
      range?: { start: number; end: number },
    ): Promise<string> {
      const query = { partNumber: String(part), uploadId };
      const headers = {
        "x-amz-copy-source": `/${bucket}/${from}`,
        ...(range && { "x-amz-copy-source-range": `bytes=${range.start}-${range.end}` }),
      };
      return textIn(await changed("PUT", key, { query, headers }), "ETag");
    },
    async complete(key: string, uploadId: string, etags: string[]): Promise<void> {
      const parts = etags.map(
        (etag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${escapeXml(etag)}</ETag></Part>`,
      );
      const body = Buffer.from(`<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`);
      await changed("POST", key, { query: { uploadId }, body }).catch(async (error) => {
        // It was completed, and the answer was lost.
        if ((error as NodeJS.ErrnoException).code !== "ENOENT" || (await sizeOf(key)) === undefined)
          throw error;
      });
    },
    /** The parts that have come, in their order; undefined when there is no such upload in parts any more. */
    async parts(key: string, uploadId: string): Promise<{ number: number; etag: string }[] | undefined> {
      const xml = await ask("GET", key, { query: { uploadId } }).catch((error) => {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      });
      return xml === undefined
        ? undefined
        : itemsIn(xml, "Part").map((part) => ({
            number: Number(textIn(part, "PartNumber")),
            etag: textIn(part, "ETag"),
          }));
    },
    async abort(key: string, uploadId: string): Promise<void> {
      const answer = await send("DELETE", key, { query: { uploadId } });
      await answer.body?.cancel();
    },
    async *unfinished(prefix = ""): AsyncGenerator<S3Unfinished> {
      const next = (xml: string) => ({
        "key-marker": textIn(xml, "NextKeyMarker"),
        "upload-id-marker": textIn(xml, "NextUploadIdMarker"),
      });
      for await (const xml of pages({ uploads: "", ...(prefix && { prefix }) }, next))
        for (const item of itemsIn(xml, "Upload"))
          yield {
            key: textIn(item, "Key"),
            uploadId: textIn(item, "UploadId"),
            begunMs: Date.parse(textIn(item, "Initiated")),
          };
    },

    /** A URL with which anybody may do this, for so long; of a PUT, with a body of that size only. */
    async presign(
      method: "GET" | "PUT",
      key: string,
      forSeconds: number,
      query: Record<string, string> = {},
      sizeBytes?: number,
    ): Promise<string> {
      const url = urlOf(key, { ...query, "X-Amz-Expires": String(forSeconds) }, publicRoot);
      const headers = sizeBytes === undefined ? {} : { "content-length": String(sizeBytes) };
      const signer = new AwsV4Signer({ ...signing, method, url, headers, signQuery: true, allHeaders: true });
      return (await signer.sign()).url.href;
    },

    /** Error: BLOBS_UNAVAILABLE with the cause, if the bucket cannot be used. */
    async look(): Promise<void> {
      const answer = await send("HEAD", "");
      if (answer.status === 404) throw unavailable(new S3Refusal(404, "<Code>NoSuchBucket</Code>"));
    },
  };
}

/** The bucket is the first part of the path or of the name of the host. */
function bucketUrl(endpoint: string, { bucket, pathStyle }: S3Options): string {
  const base = new URL(endpoint);
  if (pathStyle) return `${base.origin}/${bucket}`;
  base.hostname = `${bucket}.${base.hostname}`;
  return base.origin;
}

/** What an S3 did not want to do. */
export class S3Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, xml: string) {
    const code = textIn(xml, "Code");
    super(`S3 answers ${status} ${code}`.trim());
    this.status = status;
    this.code = code;
  }
}

function unavailable(cause: unknown): Error {
  return Object.assign(refusal("BLOBS_UNAVAILABLE"), { cause });
}

/** The same code as of a file that is not there. */
export function missing(key: string): Error {
  return Object.assign(new Error(`ENOENT: no such blob: ${key}`), { code: "ENOENT" });
}

async function xmlOf(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  if (answer.body)
    for await (const chunk of answer.body) {
      bytes += chunk.length;
      if (bytes > maxXmlBytes) throw new Error("the answer of S3 is too large");
      chunks.push(chunk);
    }
  return Buffer.concat(chunks).toString();
}

/** S3's XML has no attributes that matter, and none of the elements that are read is within one of the same name. */
function itemsIn(xml: string, name: string): string[] {
  return xml
    .split(`<${name}>`)
    .slice(1)
    .map((rest) => rest.split(`</${name}>`)[0]!);
}

function textIn(xml: string, name: string): string {
  return (itemsIn(xml, name)[0] ?? "")
    .replaceAll("&quot;", '"')
    .replaceAll("&#34;", '"')
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

import { randomUUID } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { type S3Options, S3Refusal, s3Client } from "./s3-client.ts";

const answerMs = 10_000;

/** How fast it takes a blob and gives it back. An error says what to mend. */
export async function checkS3(options: S3Options): Promise<string> {
  const { endpoint, bucket } = options;
  const s3 = s3Client(options);
  const sinceMs = performance.now();
  try {
    await s3.look();
    const key = `staging/doctor-${randomUUID()}`;
    const written = Buffer.from(key);
    await s3.put(key, written);
    const read = await buffer(s3.read(key));
    await s3.remove(key);
    if (!read.equals(written)) throw new Error("it gives back other bytes than it was given");
  } catch (error) {
    throw new Error(`${endpoint}: ${hint((error as Error).cause ?? error, options)}`);
  }
  return `bucket ${bucket} at ${endpoint} is written and read in ${Math.round(performance.now() - sinceMs)} ms`;
}

/** Whether pages of this origin may put files into the bucket. It is no fault if not: they send them to us then. */
export async function checkPages(options: S3Options, origin: string): Promise<string> {
  const url = new URL(await s3Client(options).presign("PUT", "direct/doctor", 60));
  const { bucket } = options;
  const instead = `pages of ${origin} send their files through Douya, not straight to ${url.origin}`;
  if (origin.startsWith("https:") && url.protocol === "http:")
    return `${instead}: browsers load nothing by http in a page that came by https. Set DOUYA_S3_PUBLIC_ENDPOINT to an https:// address of it to change that`;
  const headers = { origin, "access-control-request-method": "PUT" };
  // As a browser asks before it sends.
  const answer = await fetch(url, {
    method: "OPTIONS",
    headers,
    signal: AbortSignal.timeout(answerMs),
  }).catch(() => undefined);
  if (!answer)
    return `${instead}, which does not answer here. Where browsers reach the S3 by another address, set DOUYA_S3_PUBLIC_ENDPOINT`;
  const list = (name: string) => (answer.headers.get(name) ?? "").split(",").map((one) => one.trim());
  const isLetIn = (name: string, what: string) => list(name).some((one) => one === "*" || one === what);
  if (
    answer.ok &&
    isLetIn("access-control-allow-origin", origin) &&
    isLetIn("access-control-allow-methods", "PUT")
  )
    return `pages of ${origin} put files straight into ${bucket} at ${url.origin}`;
  const rule = { CORSRules: [{ AllowedOrigins: [origin], AllowedMethods: ["PUT"] }] };
  return `${instead}, which does not let them in. To change that: aws s3api put-bucket-cors --endpoint-url ${options.endpoint} --bucket ${bucket} --cors-configuration '${JSON.stringify(rule)}'`;
}

function hint(cause: unknown, { bucket, endpoint, region }: S3Options): string {
  if (!(cause instanceof S3Refusal)) {
    const { message, cause: inner } = cause as Error;
    return `does not answer (${(inner as Error | undefined)?.message || message}). Start it, or correct DOUYA_S3_ENDPOINT`;
  }
  const { status, message } = cause;
  if (status === 404)
    return `there is no bucket ${bucket}. Make it, or correct DOUYA_S3_BUCKET; if ${bucket} is not to be part of the name of the host, set DOUYA_S3_PATH_STYLE=on`;
  if (status === 403 || status === 401)
    return `${message}. Correct DOUYA_S3_ACCESS_KEY and DOUYA_S3_SECRET_KEY, or let this key list, read, write and delete in ${bucket}; look whether the clocks of both machines are right`;
  if (status >= 300 && status < 400)
    return `${message}: the bucket is elsewhere than ${endpoint}. Correct DOUYA_S3_ENDPOINT and DOUYA_S3_REGION (${region})`;
  return message;
}

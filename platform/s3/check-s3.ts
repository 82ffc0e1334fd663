import { randomUUID } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { type S3Options, S3Refusal, s3Client } from "./s3-client.ts";

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

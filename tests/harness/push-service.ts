import { createDecipheriv, createECDH, hkdfSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { importJWK, jwtVerify } from "jose";

/** What a browser was sent, as it reads it. */
interface Pushed {
  path: string;
  ttl: string | undefined;
  topic: string | undefined;
  urgency: string | undefined;
  /** Decrypted; undefined for a message that is none for this browser. */
  message: Record<string, unknown> | undefined;
  /** Who signed it, with which key (RFC 8292). */
  subject: unknown;
  publicKey: string;
}

/** A push service (RFC 8030) with browsers of its own, each at an address and with keys. */
export async function startPushService() {
  const browsers = new Map<string, { ecdh: ReturnType<typeof createECDH>; auth: Buffer }>();
  const received: Pushed[] = [];
  const answers = new Map<string, { status: number; headers?: Record<string, string> }[]>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", async () => {
      const path = request.url ?? "";
      const answer = answers.get(path)?.shift() ?? { status: 201 };
      try {
        const [, token = "", publicKey = ""] =
          /^vapid t=([\w.-]+), ?k=([\w-]+)$/.exec(request.headers.authorization ?? "") ?? [];
        const point = Buffer.from(publicKey, "base64url");
        const key = await importJWK(
          {
            ...{ kty: "EC", crv: "P-256" },
            x: point.subarray(1, 33).toString("base64url"),
            y: point.subarray(33).toString("base64url"),
          },
          "ES256",
        );
        const { payload } = await jwtVerify(token, key, { audience: origin });
        const header = (name: string) => [request.headers[name]].flat()[0];
        received.push({
          path,
          ttl: header("ttl"),
          topic: header("topic"),
          urgency: header("urgency"),
          message: read(path, Buffer.concat(chunks), header("content-encoding")),
          subject: payload.sub,
          publicKey,
        });
        response.writeHead(answer.status, answer.headers).end();
      } catch (error) {
        response.writeHead(400).end(String(error));
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  /** RFC 8291 with RFC 8188, in one record. */
  function read(path: string, body: Buffer, encoding: string | undefined) {
    const browser = browsers.get(path);
    if (!browser || encoding !== "aes128gcm") return undefined;
    const { ecdh, auth } = browser;
    const salt = body.subarray(0, 16);
    const keyEnd = 21 + body[20]!;
    const sender = body.subarray(21, keyEnd);
    const info = (text: string, ...more: Buffer[]) => Buffer.concat([Buffer.from(`${text}\0`), ...more]);
    const derive = (secret: Uint8Array, by: Buffer, about: Buffer, length: number) =>
      Buffer.from(hkdfSync("sha256", secret, by, about, length));
    const shared = derive(
      ecdh.computeSecret(sender),
      auth,
      info("WebPush: info", ecdh.getPublicKey(), sender),
      32,
    );
    const key = derive(shared, salt, info("Content-Encoding: aes128gcm"), 16);
    const nonce = derive(shared, salt, info("Content-Encoding: nonce"), 12);
    const decipher = createDecipheriv("aes-128-gcm", key, nonce).setAuthTag(body.subarray(-16));
    const padded = Buffer.concat([decipher.update(body.subarray(keyEnd, -16)), decipher.final()]);
    return JSON.parse(padded.subarray(0, padded.lastIndexOf(2)).toString());
  }

  return {
    origin,
    received,
    /** A browser's subscription, as PushSubscription.toJSON() gives it. */
    subscribe() {
      const ecdh = createECDH("prime256v1");
      ecdh.generateKeys();
      const path = `/push/${randomBytes(12).toString("base64url")}`;
      const auth = randomBytes(16);
      browsers.set(path, { ecdh, auth });
      return {
        endpoint: `${origin}${path}`,
        keys: { p256dh: ecdh.getPublicKey("base64url"), auth: auth.toString("base64url") },
      };
    },
    /** Answers the next pushes to this address so, one after the other; then 201. */
    answer(endpoint: string, ...next: { status: number; headers?: Record<string, string> }[]) {
      answers.set(new URL(endpoint).pathname, next);
    },
    /** What has come to this address. */
    to: (endpoint: string) => received.filter(({ path }) => endpoint.endsWith(path)),
    close: () => server.close(),
  };
}

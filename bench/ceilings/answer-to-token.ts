import type { AddressInfo } from "node:net";
import { exportJWK, generateKeyPair, importJWK, jwtVerify, SignJWT } from "jose";
import { trustNobody } from "#platform/http/client-address.ts";
import { createHttpServer } from "#platform/http/http-server.ts";
import { createLog } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { answerQuestions } from "../worker.ts";

export interface TokenRoute {
  port: number;
  path: string;
  /** Tokens of different people. */
  tokens: string[];
}

const people = 1000;
const path = "/nothing";

/** Serves a route of our HTTP server that only identifies the token's owner; returns its address. */
answerQuestions(async (): Promise<TokenRoute> => {
  const log = createLog("error");
  const app = createHttpServer({
    log,
    metrics: createMetrics(),
    trustProxy: trustNobody,
    publicUrl: "",
    metricsToken: "",
    readiness: async () => ({}),
  });
  const pair = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const publicKey = await importJWK(await exportJWK(pair.publicKey), "EdDSA");
  /** Owners by token. */
  const verified = new Map<string, string>();
  const answer = {
    type: "object",
    properties: { status_code: { type: "integer" }, status_msg: { type: "string" } },
  };
  app.post<{ Querystring: { token: string } }>(
    path,
    { schema: { response: { 200: answer } } },
    async ({ query: { token } }) => {
      const known = verified.get(token);
      if (known === undefined)
        verified.set(token, (await jwtVerify(token, publicKey, { algorithms: ["EdDSA"] })).payload.sub!);
      return { status_code: 0, status_msg: "ok" };
    },
  );
  await app.listen({ host: "127.0.0.1", port: 0 });
  const sign = (sub: string) =>
    new SignJWT({ sub, sid: sub })
      .setProtectedHeader({ alg: "EdDSA" })
      .setExpirationTime("1d")
      .sign(pair.privateKey);
  const tokens = await Promise.all(Array.from({ length: people }, (_, i) => sign(String(i + 1))));
  return { port: (app.server.address() as AddressInfo).port, path, tokens };
});

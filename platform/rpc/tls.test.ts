import { cp, readFile, writeFile } from "node:fs/promises";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createLog } from "../observe/log.ts";
import { changingEndpoints } from "../testing/changing-endpoints.ts";
import { startEchoServer } from "../testing/echo-server.ts";
import { echoService, sayOf } from "../testing/echo-service.ts";
import { findProgram } from "../testing/find-program.ts";
import { makeAuthority, type TestAuthority } from "../testing/make-certificates.ts";
import { readCertificates, type TlsFiles, watchCertificates } from "../tls/certificates.ts";
import { grpcLink } from "./grpc-link.ts";
import { mutualTls, plaintext, type RpcCredentials } from "./rpc-credentials.ts";
import { createServiceTokens } from "./service-token.ts";

const hasOpenssl = findProgram("openssl") !== undefined;
const tokens = createServiceTokens("a secret of the cluster");
const log = createLog("silent");
const undo: (() => unknown)[] = [];
let ours: TestAuthority;
let others: TestAuthority;
beforeAll(async () => {
  if (hasOpenssl) [ours, others] = await Promise.all([makeAuthority(), makeAuthority()]);
});
beforeEach((context) => {
  if (!hasOpenssl) context.skip("needs openssl on the PATH");
});
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});
afterAll(() => Promise.all([ours?.remove(), others?.remove()]));

async function credentialsOf(files: TlsFiles, peerName?: string): Promise<RpcCredentials> {
  const certificates = await watchCertificates(files, log);
  undo.push(certificates.stop);
  return mutualTls(certificates, peerName);
}

async function serve(credentials: RpcCredentials): Promise<number> {
  const server = await startEchoServer(async () => ({ text: "here" }), { tokens, log, credentials });
  undo.push(() => server.stop(0));
  return server.port;
}

/** What a process with these credentials is answered. */
async function answerTo(credentials: RpcCredentials, port: number): Promise<string | undefined> {
  const link = grpcLink({
    from: "test",
    to: "echo",
    endpoints: changingEndpoints(`127.0.0.1:${port}`),
    tokens,
    meter: () => (work) => work(),
    log,
    credentials,
  });
  try {
    const call = { traceId: "0".repeat(32), deadlineMs: Date.now() + 60_000 };
    return (await sayOf(link.client(echoService))({}, call)).text;
  } catch (error) {
    return (error as { reason: string }).reason;
  } finally {
    link.close();
  }
}

test("processes with certificates of the same authority call each other", async () => {
  const port = await serve(await credentialsOf(await ours.issue("server")));
  expect(await answerTo(await credentialsOf(await ours.issue("client")), port)).toBe("here");
});

test("nobody else is answered: no certificate, one of another authority, one that another may not check", async () => {
  const right = await ours.issue("right");
  const port = await serve(await credentialsOf(right));
  const { cert, key, ca } = await others.issue("wrong");
  const unchecked = async (files: TlsFiles) => {
    const current = await Promise.all([files.cert, files.key, files.ca].map((file) => readFile(file)));
    const [certificate, privateKey, authority] = current as [Buffer, Buffer, Buffer];
    return mutualTls({
      current: () => ({ cert: certificate, key: privateKey, ca: authority }),
      watch: () => () => {},
      stop: () => {},
    });
  };
  const expired = await ours.issue("expired", { expired: true });
  for (const credentials of [
    plaintext,
    await credentialsOf({ cert, key, ca }),
    await unchecked({ cert, key, ca: right.ca }),
    await unchecked(expired),
    // It does not call who shows another name than the one it looks for.
    await credentialsOf(right, "elsewhere.example"),
  ])
    expect(await answerTo(credentials, port)).toBe("ECHO_UNAVAILABLE");
  expect(await answerTo(await credentialsOf(right), port)).toBe("here");
});

test("a process with certificates does not call one without", async () => {
  expect(await answerTo(await credentialsOf(await ours.issue("client")), await serve(plaintext))).toBe(
    "ECHO_UNAVAILABLE",
  );
});

test("renewed files are used for new connections, and broken ones are not", async () => {
  const files = await ours.issue("renewed");
  const port = await serve(await credentialsOf(files));
  const client = await ours.issue("client");
  const shown = async () => {
    const { cert, key, ca } = await readCertificates(client);
    return new Promise<string>((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", cert, key, ca, ALPNProtocols: ["h2"] }, () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      }).on("error", reject);
    });
  };
  const before = await shown();
  const next = await ours.issue("next");
  // For a moment they do not belong together.
  await cp(next.cert, files.cert);
  expect(await answerTo(await credentialsOf(client), port)).toBe("here");
  await cp(next.key, files.key);
  await expect.poll(shown).not.toBe(before);
  await writeFile(files.cert, "nothing");
  expect(await answerTo(await credentialsOf(client), port)).toBe("here");
});

test("what cannot be used is said in a sentence", async () => {
  const [right, other, expired] = [
    await ours.issue("one"),
    await others.issue("two"),
    await ours.issue("old", { expired: true }),
  ];
  for (const [files, sentence] of [
    [{ ...right, key: `${right.key}.gone` }, /gone cannot be read \(ENOENT\)/],
    [{ ...right, key: other.key }, /is not the key of/],
    [{ ...right, ca: other.ca }, /was not signed by/],
    [{ ...right, cert: right.key }, /PEM file/],
    [expired, /has expired at/],
  ] as const)
    await expect(readCertificates(files)).rejects.toMatchObject({
      reason: "TLS_UNUSABLE",
      message: expect.stringMatching(sentence),
    });
});

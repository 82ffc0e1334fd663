import { once } from "node:events";
import { cp, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { connect } from "node:tls";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { createLog } from "../observe/log.ts";
import { createMetrics } from "../observe/metrics.ts";
import { changingEndpoints } from "../testing/changing-endpoints.ts";
import { startEchoServer } from "../testing/echo-server.ts";
import { echoService, sayOf } from "../testing/echo-service.ts";
import { findProgram } from "../testing/find-program.ts";
import { freePorts } from "../testing/free-ports.ts";
import { makeAuthority, type TestAuthority } from "../testing/make-certificates.ts";
import { exportCertificateEnds } from "../tls/certificate-metrics.ts";
import { readCertificates, type TlsFiles, watchCertificates } from "../tls/certificates.ts";
import { grpcLink } from "./grpc-link.ts";
import { mutualTls, plaintext, type RpcCredentials } from "./rpc-credentials.ts";
import { createServiceTokens } from "./service-token.ts";
import { whyUnreachable } from "./why-unreachable.ts";

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

test("the metrics say when certificates end", async () => {
  const metrics = createMetrics();
  const certificates = await watchCertificates(await ours.issue("IP:127.0.0.1"), log);
  undo.push(certificates.stop);
  exportCertificateEnds(metrics, certificates);
  const shown = await metrics.registry.getSingleMetricAsString("douya_certificate_end_seconds");
  for (const file of ["cert", "ca"]) {
    const [, end] = shown.match(`file="${file}"} (\\d+)`)!;
    expect(Number(end) * 1000, file).toBeGreaterThan(Date.now());
  }
});

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

test("why a process is not reached is said in a sentence with a cure", async () => {
  const right = await ours.issue("reached");
  const { cert, key } = await others.issue("unreached");
  const [plain, encrypted] = [await serve(plaintext), await serve(await credentialsOf(right))];
  const website = createServer().listen(0, "127.0.0.1");
  undo.push(() => website.close());
  await once(website, "listening");
  const web = (website.address() as AddressInfo).port;
  const [nobody] = (await freePorts(1)) as [number];
  const current = async (files: TlsFiles) => {
    const found = await readCertificates(files);
    return { tls: () => found };
  };
  const own = await current(right);
  const strange = { cert: await readFile(cert), key: await readFile(key), ca: await readFile(right.ca) };
  const theirs = await current(await others.issue("their"));
  for (const [how, port, said] of [
    [{}, plain, /^reached$/],
    [own, encrypted, /^reached$/],
    [{}, encrypted, /it wants TLS: give this process DOUYA_TLS_CERT/],
    [own, plain, /does not speak TLS: give it DOUYA_TLS_CERT/],
    [theirs, encrypted, /its certificate is not trusted .*: DOUYA_TLS_CA/],
    [{ tls: () => strange }, encrypted, /does not trust the certificate of this process: its DOUYA_TLS_CA/],
    [{ ...own, peerName: "elsewhere.example" }, encrypted, /another host .*DOUYA_TLS_PEER_NAME/],
    [{}, nobody, /nothing answers there \(ECONNREFUSED\): .*DOUYA_RPC_HOST/],
    [own, nobody, /nothing answers there \(ECONNREFUSED\): .*DOUYA_RPC_HOST/],
    [{}, web, /no process of Douya: .*DOUYA_SERVICES/],
  ] as const)
    expect((await whyUnreachable(`127.0.0.1:${port}`, how)) ?? "reached").toMatch(said);
  expect(await whyUnreachable("nowhere.invalid:9090", {})).toMatch(/no such host .*: .*DOUYA_RPC_ADDRESS/);
});

test("a process that stays unreached is named in the log with the cause", async () => {
  const port = await serve(await credentialsOf(await ours.issue("encrypted")));
  const said: string[] = [];
  const link = grpcLink({
    ...{ from: "test", to: "echo", tokens, meter: () => (work) => work() },
    endpoints: changingEndpoints(`127.0.0.1:${port}`),
    log: createLog("warn", { write: (line) => said.push(line) }),
  });
  undo.push(link.close);
  await expect.poll(() => said.join()).toMatch(/"address":"127\.0\.0\.1:\d+".*it wants TLS/);
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

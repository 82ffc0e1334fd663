import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startEngine } from "#platform/testing/engine-process.ts";
import { freePorts } from "#platform/testing/free-ports.ts";
import { withEngine } from "#platform/testing/with-engine.ts";
import { haproxyPart } from "./haproxy.ts";

const problem = {
  status: 503,
  reason: "GATEWAY_UNAVAILABLE",
  retryAfterMs: 5000,
  detail: expect.stringMatching(/\.$/),
};

/** Two proxies without a gateway: that of the command, and the one to deploy, whose gateways have no address here. */
const proxies = withEngine("haproxy", ["haproxy"], async () => {
  const dir = await mkdtemp(join(tmpdir(), "douya-haproxy-"));
  const [own, deployed, nobody] = (await freePorts(3)) as [number, number, number];
  const part = await haproxyPart("haproxy", dir, {
    host: "127.0.0.1",
    port: own,
    gateways: [{ name: "gateway-1", port: nobody }],
  });
  const toDeploy = await readFile(new URL("../../../../deploy/engines/haproxy.cfg", import.meta.url), "utf8");
  const config = join(dir, "deployed.cfg");
  await writeFile(config, toDeploy.replace("bind :8080", `bind 127.0.0.1:${deployed}`));
  const ask = (port: number) => fetch(`http://127.0.0.1:${port}/api/v1/feed`);
  const answers = (port: number) => async () => (await ask(port)).status === 503;
  const running = await Promise.all([
    startEngine("haproxy", part.args, answers(own)),
    startEngine("haproxy", ["-db", "-f", config], answers(deployed)),
  ]);
  return {
    ask: () => Promise.all([own, deployed].map(ask)),
    async remove() {
      await Promise.all(running.map((one) => one.kill()));
      await rm(dir, { recursive: true });
    },
  };
});

test("with no gateway at all, clients are told as a gateway would tell them", async () => {
  for (const answer of await proxies().ask()) {
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.headers.get("retry-after")).toBe("5");
    expect(await answer.json()).toMatchObject(problem);
  }
});

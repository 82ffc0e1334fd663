import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePorts } from "#platform/testing/free-ports.ts";
import { withEtcd } from "#platform/testing/private-etcd.ts";
import { type Deployment, deploy } from "./harness/deployment.ts";
import { send } from "./harness/http-client.ts";
import { type Program, startProgram } from "./harness/program.ts";
import { type Person, scenarioOf } from "./harness/scenario.ts";
import { type Ask, instancesIn, steadyLoad } from "./harness/steady-load.ts";
import { until } from "./harness/within.ts";

describe("two processes of each module, under load", () => {
  const etcd = withEtcd();
  let deployment: Deployment;
  let people: Person[];
  const server = scenarioOf(() => deployment);

  beforeAll(async () => {
    if (!etcd()) return;
    const colours = "canary=everybody";
    deployment = await deploy("split", {
      env: { DOUYA_SERVICES: "", DOUYA_ETCD_URL: etcd().url, DOUYA_COLOURS: colours },
    });
    const first = await until("every module", () => server.register().catch(() => undefined));
    people = [first, ...(await Promise.all([1, 2, 3].map(() => server.register())))];
  });
  afterAll(async () => {
    await Promise.all(extra.map((program) => program.stop()));
    await deployment?.remove();
  });

  const extra: Program[] = [];
  /** A second process of a module, with more in its environment. */
  async function oneMore(target: string, env: Record<string, string> = {}) {
    const [port] = (await freePorts(1)) as [number];
    const program = startProgram(["serve", `--target=${target}`], {
      DOUYA_DATA: deployment.dataDir,
      DOUYA_DATABASE_URL: deployment.databaseUrl,
      DOUYA_LIMITS: "off",
      DOUYA_RUNGS: "none",
      DOUYA_PORT: String(port),
      DOUYA_RPC_PORT: "0",
      DOUYA_ETCD_URL: etcd().url,
      ...env,
    });
    extra.push(program);
    await program.printed(/Stop {5}Ctrl-C/);
    return { origin: `http://127.0.0.1:${port}`, program };
  }
  const both = (module: string) =>
    until("both in etcd", async () => (await instancesIn(etcd().url, module)) === 2);

  const reads: Ask[] = [
    (person, other) => person.get(`/users/${other.id}`),
    (person, other) => person.get(`/users/${other.id}/followers`),
    (person) => person.get("/conversations"),
    (person) => person.get("/feed"),
  ];
  const writes: Ask[] = [
    (person, other) => person.put(`/users/${other.id}/follow`),
    (person, other) => person.delete(`/users/${other.id}/follow`),
  ];

  const load = (asks: Ask[]) => steadyLoad(people, asks);

  test.each([
    "user",
    "relation",
  ])("no request fails while %s is restarted, one after the other", async (module) => {
    const second = await oneMore(module === "relation" ? "relation,interaction" : module);
    await both(module);
    const asked = load([...reads, ...writes]);
    await deployment.programOf(module).stop();
    await deployment.restart(module);
    await both(module);
    await second.program.stop();
    const before = asked.answered();
    await until("more answers", () => asked.answered() > before + 20);
    expect(await asked.stop()).toEqual([]);
  });

  test("no read fails when one of two is killed", async () => {
    const second = await oneMore("user");
    await both("user");
    const asked = load(reads);
    const countOf = async () => {
      const { text } = await send("GET", `${second.origin}/metrics`);
      return /_count\{[^}]*outcome="ok"\} \d+/.exec(text) !== null;
    };
    await until("calls at the second", countOf);
    await second.program.kill();
    const before = asked.answered();
    await until("more answers", () => asked.answered() > before + 100);
    expect(await asked.stop()).toEqual([]);
  });

  test("requests of a colour are answered by the process of that colour", async () => {
    const canary = await oneMore("user", { DOUYA_COLOUR: "canary" });
    /** However they ended: one that is slow to answer is also asked of another process, and given up by the first. */
    const askedFor = async (method: string) => {
      const { text } = await send("GET", `${canary.origin}/metrics`);
      const counts = text.matchAll(
        new RegExp(`_count\\{[^}]*method="${method}",outcome="\\w+"\\} (\\d+)`, "g"),
      );
      return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
    };
    const readBy = () => askedFor("GetUsers");
    const [person, other] = people as [Person, Person];
    const ask = (headers: Record<string, string>) =>
      send("GET", `${deployment.origin}/api/v1/users/${other.id}`, { headers });
    // By a change, which no second process is asked for: when it is answered, nothing is under way.
    await until("the first of its colour", async () => {
      const headers = { "x-douya-colour": "canary" };
      expect((await person.patch("/me", { json: {}, headers })).status).toBe(200);
      return (await askedFor("UpdateProfile")) > 0;
    });
    const before = await readBy();
    for (let i = 0; i < 10; i++) expect((await ask({})).status).toBe(200);
    expect(await readBy()).toBe(before);
    let asked = 0;
    for (; asked < 20 && (await readBy()) < before + 10; asked++) await ask({ "x-douya-colour": "canary" });
    // One that it was slow with may be counted late.
    expect(await readBy()).toBeGreaterThanOrEqual(before + 10);
    await canary.program.kill();
    expect((await ask({ "x-douya-colour": "canary" })).status).toBe(200);
    expect((await person.get("/me")).status).toBe(200);
  });
});

import { afterAll, afterEach, beforeAll, expect } from "vitest";
import { type Deployment, type DeploymentOptions, deploy, type Shape } from "./deployment.ts";
import { type Answer, body, type Schemas, type SendOptions, send } from "./http-client.ts";
import { nowAndThenMs, until } from "./within.ts";

/** A person with an account, who calls /api/v1 with their token. */
export interface Person {
  id: string;
  username: string;
  password: string;
  session: Schemas["Session"];
  get<T>(path: string, options?: SendOptions): Promise<Answer<T>>;
  post<T>(path: string, options?: SendOptions): Promise<Answer<T>>;
  put<T>(path: string, options?: SendOptions): Promise<Answer<T>>;
  patch<T>(path: string, options?: SendOptions): Promise<Answer<T>>;
  delete<T>(path: string, options?: SendOptions): Promise<Answer<T>>;
  /** Uploads a file: 201 or a refusal. */
  upload(file: Uint8Array<ArrayBuffer>): Promise<Answer<Schemas["Upload"]>>;
  /** Uploads and publishes a file; the video may still be in the pipeline. */
  publish(file: Uint8Array<ArrayBuffer>, title?: string): Promise<Schemas["Video"]>;
  /** Waits for either end of the pipeline. */
  settled(videoId: string): Promise<Schemas["Video"]>;
}

/** A running program for the scenarios of one `describe`. */
export interface Scenario {
  readonly deployment: Deployment;
  readonly origin: string;
  /** One request to /api/v1 as a guest. */
  api<T>(method: string, path: string, options?: SendOptions): Promise<Answer<T>>;
  /** Registers a person under an unused name. */
  register(password?: string): Promise<Person>;
  logIn(username: string, password: string): Promise<Person>;
}

let people = 0;

/**
 * Starts the program before the tests of this `describe` and stops it afterwards. Its log is shown with a failed
 * test; an error in it, which is always a bug, fails the describe.
 */
export function scenario(
  shape: Shape,
  options: DeploymentOptions & { mayLogErrors?: boolean } = {},
): Scenario {
  let deployment: Deployment | undefined;
  beforeAll(async () => {
    deployment = await deploy(shape, options);
  });
  afterEach(({ task }) => {
    if (task.result?.state !== "fail" || !deployment) return;
    for (const program of deployment.programs()) process.stderr.write(`${program.output().slice(-2000)}\n`);
  });
  afterAll(async () => {
    const output = (await deployment?.remove()) ?? "";
    const errors = output.split("\n").filter((line) => /"level":[56]0|^ +at .*:\d+:\d+\)?$/.test(line));
    if (!options.mayLogErrors) expect(errors).toEqual([]);
  });
  return scenarioOf(() => deployment!);
}

/** The first answer other than BUSY, for idempotent requests. */
function inTurn<T>(ask: () => Promise<Answer<T>>): Promise<Answer<T>> {
  return until("a turn", async () => {
    const answer = await ask();
    return (answer.body as { reason?: string }).reason !== "BUSY" && answer;
  });
}

/** The same for a deployment that the test itself starts and stops. */
export function scenarioOf(get: () => Deployment): Scenario {
  const api = <T>(method: string, path: string, sent?: SendOptions) =>
    send<T>(method, `${get().origin}/api/v1${path}`, sent);

  function person(session: Schemas["Session"], password: string): Person {
    const as =
      (method: string) =>
      <T>(path: string, sent: SendOptions = {}) =>
        api<T>(method, path, { token: session.accessToken, ...sent });
    const me: Person = {
      id: session.user.id,
      username: session.user.username,
      password,
      session,
      get: as("GET"),
      post: as("POST"),
      put: as("PUT"),
      patch: as("PATCH"),
      delete: as("DELETE"),
      upload: (file) => me.post("/uploads", { bytes: file }),
      async publish(file, title = "A title") {
        const upload = body(await inTurn(() => me.upload(file)), 201);
        const json = { uploadId: upload.id, title };
        return body(await me.post<Schemas["Video"]>("/videos", { json }), 201);
      },
      settled: (id) =>
        until(
          "the end of the pipeline",
          async () => {
            const video = body(await me.get<Schemas["Video"]>(`/videos/${id}`));
            return ["ready", "published", "failed"].includes(video.state) && video;
          },
          nowAndThenMs,
        ),
    };
    return me;
  }

  return {
    get deployment() {
      return get();
    },
    get origin() {
      return get().origin;
    },
    api,
    async register(password = "correct horse") {
      const username = `person-${process.pid}-${++people}`;
      const json = { username, password };
      const ask = () => api<Schemas["Session"]>("POST", "/users", { json });
      return person(body(await inTurn(ask), 201), password);
    },
    async logIn(username, password) {
      const json = { username, password };
      const ask = () => api<Schemas["Session"]>("POST", "/sessions", { json });
      return person(body(await inTurn(ask), 201), password);
    },
  };
}

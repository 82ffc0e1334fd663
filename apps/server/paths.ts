import { fileURLToPath } from "node:url";

/** The built program is in build/server, two levels below the root of the checkout. */
const root = new URL("../../", import.meta.url);

export const webDir = fileURLToPath(new URL("build/web", root));
export const demoDir = fileURLToPath(new URL("apps/server/demo", root));
export const mediaWorkerPath = fileURLToPath(new URL("build/server/media-worker.js", root));
/** What each process of a cluster runs. */
export const builtProgram = fileURLToPath(new URL("bin/run-built.mjs", root));

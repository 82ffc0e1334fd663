import type { Plugin } from "vite";

/**
 * Builds are for production whatever NODE_ENV says: a test runner sets it to "test", and then React's development
 * build would be used, which is larger and slower. Vite reads it while it resolves its configuration.
 */
export function production(): Plugin {
  let before: string | undefined;
  return {
    name: "production",
    apply: "build",
    config() {
      before = process.env.NODE_ENV;
      process.env.NODE_ENV = "production";
    },
    configResolved() {
      if (before === undefined) delete process.env.NODE_ENV;
      else process.env.NODE_ENV = before;
    },
  };
}

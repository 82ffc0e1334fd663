/** The import rules of the house (CONTRIBUTING.md), checked by `npm test`. */
export default {
  forbidden: [
    {
      name: "platform-knows-no-module",
      severity: "error",
      from: { path: "^platform/" },
      to: { path: "^(modules|apps|contracts|tests|bench)/" },
    },
    {
      name: "the-database-and-the-server-that-runs-it-know-nothing-of-each-other",
      severity: "error",
      from: { path: "^platform/(db|postgres)/" },
      to: { path: "^platform/(db|postgres)/", pathNot: "^platform/$1/" },
    },
    {
      name: "contracts-know-errors-and-ids-only",
      severity: "error",
      from: { path: "^contracts/" },
      to: { path: "^(modules|apps|platform|tests|bench)/", pathNot: "^platform/(errors|ids)/" },
    },
    {
      name: "a-module-imports-no-other-module",
      severity: "error",
      from: { path: "^modules/([^/]+)/" },
      to: { path: "^(modules/(?!$1/)|apps/|tests/|bench/)" },
    },
    {
      name: "only-targets-imports-modules",
      severity: "error",
      from: { path: "^(apps|bench|tests)/", pathNot: "^apps/server/targets\\.ts$" },
      // The ceiling of the logins hashes with the parameters of the module.
      to: { path: "^modules/", pathNot: "^modules/user/password-cost\\.ts$" },
    },
    {
      name: "modules-are-entered-by-their-index",
      severity: "error",
      from: { path: "^apps/server/targets\\.ts$" },
      to: { path: "^modules/", pathNot: "^modules/[^/]+/index\\.ts$" },
    },
    {
      name: "testing-stays-in-tests",
      severity: "error",
      from: { pathNot: "(\\.test\\.tsx?$|^platform/testing/|^tests/|^bench/)" },
      to: { path: "^(platform/testing|tests)/" },
    },
    {
      name: "modules-are-given-limits-caches-and-queues",
      severity: "error",
      from: { path: "^modules/", pathNot: "\\.test\\.ts$" },
      to: {
        path: "^(platform/(cache|protect|registry)/|node_modules/(lru-cache|pg)/)",
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "modules-are-given-everything-that-runs",
      comment: "Types may be imported. What runs is constructed where a process is composed.",
      severity: "error",
      from: { path: "^modules/", pathNot: "\\.test\\.ts$" },
      to: {
        path: [
          "^platform/(postgres|lease|security)/",
          "^platform/db/(kysely-pool|migrate)",
          "^platform/events/(?!log/append|log/gaps-left|event-type|consumer/time-slice|transient-error)",
          "^platform/jobs/(jobs|workers|dead-jobs)",
          "^platform/ids/node-lease",
          "^platform/blob/disk",
          "^platform/rpc/(direct-link|grpc-|connections|service-token)",
          "^platform/observe/(log|metrics|degraded|disk)",
          "^platform/http/http-server",
        ],
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "no-circle",
      severity: "error",
      from: {},
      to: { circular: true, dependencyTypesNot: ["type-only"] },
    },
    {
      name: "no-undeclared-package",
      severity: "error",
      from: {},
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(build|data|apps/web/dist)/" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "default"] },
  },
};

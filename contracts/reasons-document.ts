import type { Reason } from "#platform/errors/catalogue.ts";
import { numbersOfKind, reasons } from "./reasons.ts";

/** `docs/reasons.md`, which `npm run generate` writes. */
export function reasonsDocument(): string {
  const all = Object.entries(reasons as Record<string, Reason>).map(([name, reason]) => {
    const { status, code } = numbersOfKind[reason.kind];
    return { name, ...reason, status: reason.status ?? status, code: reason.code ?? code };
  });
  const ofApis = all
    .filter(({ tells }) => tells !== "operators")
    .sort((a, b) => a.code - b.code || (a.name < b.name ? -1 : 1));
  const ofOperators = all.filter(({ tells }) => tells === "operators");
  return `# Reasons of refusals

Made by \`npm run generate\` from \`contracts/reasons.ts\`. What stands in braces is filled in; some places say the same more exactly.

\`/api/v1\` answers with the HTTP status and with \`reason\` and \`detail\` as problem+json. The classic API answers with \`status_code\`, where 0 is success, and \`status_msg\`; its HTTP status is 200 but for 408, 413, 429, 500, 503 and 504, and 404 for a path that does not exist, which answer in the same form. A module that cannot be reached is \`USER_UNAVAILABLE\`, \`VIDEO_UNAVAILABLE\` and so on.

${table(
  ["status_code", "reason", "HTTP", "what it says"],
  ofApis.map(({ code, name, status, says }) => [code, `\`${name}\``, status, says]),
)}

## Kinds

A reason that has no number of its own has those of its kind.

${table(
  ["kind", "HTTP", "status_code"],
  Object.entries(numbersOfKind).map(([kind, { status, code }]) => [kind, status, code]),
)}

## What only operators see

On the command line, in the log, at \`/readyz\` and with dead letters.

${table(
  ["reason", "what it says"],
  ofOperators.map(({ name, says }) => [`\`${name}\``, says]),
)}
`;
}

function table(heads: string[], rows: (string | number)[][]): string {
  const line = (cells: (string | number)[]) =>
    `| ${cells.map((cell) => String(cell).replaceAll("|", "\\|").replaceAll("<", "&lt;")).join(" | ")} |`;
  return [line(heads), `|${"---|".repeat(heads.length)}`, ...rows.map(line)].join("\n");
}

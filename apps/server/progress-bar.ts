import type { Progress } from "#platform/module/module.ts";

const width = 24;

/** A bar that redraws itself on a terminal; elsewhere one line for each tenth. */
export function progressBar(stream: NodeJS.WriteStream = process.stderr): Progress {
  let shown = "";
  return (what, done, total) => {
    const part = total === 0 ? 1 : done / total;
    const filled = Math.round(part * width);
    const bar = `${what.padEnd(8)} ${"█".repeat(filled)}${"░".repeat(width - filled)} ${done} of ${total}`;
    if (stream.isTTY) stream.write(`\r${bar}${done >= total ? "\n" : ""}`);
    else if (`${what} ${Math.floor(part * 10)}` !== shown) stream.write(`${bar}\n`);
    shown = `${what} ${Math.floor(part * 10)}`;
  };
}

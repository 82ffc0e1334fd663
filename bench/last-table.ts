/** What we measured last, by name: column "ours" of the tables in docs/benchmarks.md, of the last where several have it. */
export function lastTable(markdown: string): Map<string, number> {
  const rows = markdown.split("\n").flatMap((line): [string, number][] => {
    const [, name = "", , ours = ""] = line.split("|").map((cell) => cell.trim());
    const number = Number(ours.replaceAll(",", "") || NaN);
    return Number.isFinite(number) ? [[name, number]] : [];
  });
  return new Map(rows);
}

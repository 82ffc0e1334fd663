/**
 * What we measured last, by name: the column "ours" of the tables in docs/benchmarks.md that are as printTable prints
 * them; of the last one where several have a name.
 */
export function lastTable(markdown: string): Map<string, number> {
  const tables = markdown.split(/^(?=\| *name *\| *unit *\| *ours *\|)/m).slice(1);
  const rows = tables.flatMap((table) => table.slice(0, table.search(/\n\n|$(?![\s\S])/)).split("\n"));
  return new Map(
    rows.flatMap((line): [string, number][] => {
      const [, name = "", , ours = ""] = line.split("|").map((cell) => cell.trim());
      const number = Number(ours.replaceAll(",", "") || NaN);
      return Number.isFinite(number) ? [[name, number]] : [];
    }),
  );
}

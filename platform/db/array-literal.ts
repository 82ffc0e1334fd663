/**
 * An array as a parameter of a statement, in the text form of PostgreSQL. The driver's own way runs two regular
 * expressions over each element, which in statements for many rows costs more than all else of sending them. What it
 * does not know (dates, bytes, arrays in arrays) is left to the driver: undefined.
 */
export function arrayLiteral(values: readonly unknown[]): string | undefined {
  let text = "{";
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (i > 0) text += ",";
    if (typeof value === "string") text += quoted(value);
    else if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint")
      text += value;
    else if (value === null || value === undefined) text += "NULL";
    else return undefined;
  }
  return `${text}}`;
}

function quoted(text: string): string {
  return text.includes('"') || text.includes("\\")
    ? `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`
    : `"${text}"`;
}

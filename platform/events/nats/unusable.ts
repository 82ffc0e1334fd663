/** What we use of JetStream works from here on. */
const oldest = [2, 9, 4] as const;

/** Why a server of this version cannot be used; undefined when it can. */
export function whyUnusable(version: string): string | undefined {
  const numbers = version.split(".").map((part) => Number.parseInt(part, 10));
  for (const [i, least] of oldest.entries()) {
    const number = numbers[i] ?? 0;
    if (number > least) return undefined;
    if (number < least)
      return `nats-server ${version} is too old: install ${oldest.join(".")} or newer, 2.10 if you can`;
  }
  return undefined;
}

/** The platform's own name: what people try first when they are to think of something here. */
const productNames = ["douya", "豆芽"];
/** Fewer characters besides a name are soon guessed. */
const minBesideName = 6;

export interface CommonPasswords {
  /** Why somebody who knows lists of passwords and this person's names would soon have it; undefined when they would not. */
  weakness(password: string, names: string[]): Promise<"common" | "like-name" | undefined>;
}

/** What programs that guess try first: 49,000 passwords that leaked most often, and names. */
export function commonPasswords(): CommonPasswords {
  let list: Promise<Set<string>> | undefined;
  return {
    async weakness(password, names) {
      const plain = squeeze(password);
      // Nothing but spaces, or one character again and again.
      if (new Set(plain).size < 2) return "common";
      if ([...names, ...productNames].some((name) => isLike(plain, squeeze(name)))) return "like-name";
      list ??= load();
      return (await list).has(plain) ? "common" : undefined;
    },
  };
}

/** Loaded with the first new password: it takes a tenth of a second and some megabytes. */
async function load(): Promise<Set<string>> {
  const { dictionary } = await import("@zxcvbn-ts/language-common");
  return new Set(dictionary["passwords-common"].map((entry) => squeeze(String(entry))));
}

/** Whether a password is a name with little around it. */
function isLike(plain: string, name: string): boolean {
  if ([...name].length < 2 || !plain.includes(name)) return false;
  const rest = plain.replaceAll(name, "");
  return rest.length < minBesideName || !/\p{L}/u.test(rest);
}

/** Case, width and spaces make no password harder to guess. */
function squeeze(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/\s/gu, "");
}

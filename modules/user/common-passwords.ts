/** The platform's own name is the first thing that people try here. */
const productNames = ["douya", "豆芽"];
/** Fewer characters besides a name are soon guessed. */
const minBesideName = 6;

export interface CommonPasswords {
  /** Why an attacker with lists of passwords and this person's names would soon guess it; undefined if not. */
  weakness(password: string, names: string[]): Promise<"common" | "like-name" | undefined>;
}

/** What guessing programs try first: the 49,000 passwords that leaked most often, and names. */
export function commonPasswords(): CommonPasswords {
  let list: Promise<Set<string>> | undefined;
  return {
    async weakness(password, names) {
      const plain = squeeze(password);
      // Only spaces, or one character repeated.
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

/** Whether a password is a name with little added. */
function isLike(plain: string, name: string): boolean {
  if ([...name].length < 2 || !plain.includes(name)) return false;
  const rest = plain.replaceAll(name, "");
  return rest.length < minBesideName || !/\p{L}/u.test(rest);
}

/** Case, width and spaces make no password harder to guess. */
function squeeze(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/\s/gu, "");
}

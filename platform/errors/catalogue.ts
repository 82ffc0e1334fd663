import { DomainError, type ErrorKind } from "./domain-error.ts";

/** The declaration of a reason. */
export interface Reason {
  kind: ErrorKind;
  /** The English sentence, with holes: "Try again in {seconds} s." A caller may pass a more exact one. */
  says: string;
  /**
   * Who gets it: people (the default; the web client has its own text), programs that call the API (the sentence is
   * shown as it is), or the operators of the server.
   */
  tells?: "programs" | "operators";
  /** `status_code` of the classic API; by default that of its kind. */
  code?: number;
  /** HTTP status; by default that of its kind. */
  status?: number;
  /** When it makes sense to try again. */
  retryAfterMs?: number;
}

type Holes<Sentence extends string> = Sentence extends `${string}{${infer Hole}}${infer Rest}`
  ? Hole | Holes<Rest>
  : never;
type Words<Sentence extends string> = [Holes<Sentence>] extends [never]
  ? [sentence?: string | undefined, retryAfterMs?: number]
  : [holesOrSentence: Record<Holes<Sentence>, string | number> | string, retryAfterMs?: number];

/** Makes refusals from a catalogue: `refusal("BLOCKS_TOO_MANY", { max: 1000 })`. */
export function refusalOf<const Catalogue extends Record<string, Reason>>(catalogue: Catalogue) {
  return <Name extends keyof Catalogue & string>(
    name: Name,
    ...[words, retryAfterMs]: Words<Catalogue[Name]["says"]>
  ): DomainError => {
    const reason: Reason = catalogue[name]!;
    const sentence =
      typeof words === "string"
        ? words
        : reason.says.replace(/\{(\w{1,20})\}/g, (_, hole) => String(words?.[hole as never]));
    return new DomainError(reason.kind, name, sentence, retryAfterMs ?? reason.retryAfterMs);
  };
}

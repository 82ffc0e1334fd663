/** A command of the command line. */
export interface Command {
  summary: string;
  options: Record<string, { type: "string" | "boolean"; default?: string | boolean }>;
  /** Whether arguments that are not options may follow: `douya events lag`. */
  positionals?: boolean;
  run(
    values: Record<string, string | boolean | undefined>,
    positionals: string[],
    started: () => void,
  ): Promise<void>;
}

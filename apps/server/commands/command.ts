/** A word on the command line and what it does. */
export interface Command {
  summary: string;
  options: Record<string, { type: "string" | "boolean"; default?: string | boolean }>;
  /** Whether words may follow that are no options: `douya events lag`. */
  positionals?: boolean;
  run(values: Record<string, string | boolean | undefined>, positionals: string[]): Promise<void>;
}

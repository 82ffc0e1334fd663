/**
 * How long a test waits for an event that must come. It bounds a hang and measures nothing: machines differ by a
 * factor of four and run other things at the same time. The suite's own deadlines follow from it.
 */
export const patienceMs = 120_000;

import fc from "fast-check";

// fast-check prints the seed of a property that fails.
if (process.env.TEST_SEED !== undefined) fc.configureGlobal({ seed: Number(process.env.TEST_SEED) });

/** fast-check, with TEST_SEED as the seed of every property when it is set. */
export default fc;

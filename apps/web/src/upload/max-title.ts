/** Characters, as the server counts them. */
export const MAX_TITLE = 200;

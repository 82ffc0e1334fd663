/** In code points, like the server's limits. */
export const MAX_TITLE = 200;
export const MAX_DESCRIPTION = 2000;

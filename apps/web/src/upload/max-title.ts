/** In code points, like the server's limit. */
export const MAX_TITLE = 200;

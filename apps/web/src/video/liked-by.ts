/** In the address of a video: among whose likes it was found. */
export const LIKED_BY = "liked-by";

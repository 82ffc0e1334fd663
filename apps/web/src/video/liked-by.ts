/** In the address of a video: the person in whose likes it was found. */
export const LIKED_BY = "liked-by";
/** In the address of a video: it was found among what the viewer keeps. */
export const KEPT = "kept";

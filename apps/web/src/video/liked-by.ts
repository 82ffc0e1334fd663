/** In the address of a video: the person in whose likes it was found. */
export const LIKED_BY = "liked-by";
/** In the address of a video: it was found among what the viewer keeps. */
export const KEPT = "kept";
/** In the address of a video: it was found among what the viewer has watched. */
export const IN_HISTORY = "history";
/** In the address of a video: the ranking in which it was found, as `viewed.7d`. */
export const IN_RANKING = "ranking";

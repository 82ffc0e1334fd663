/** An iPhone converts its HEIC for a page that does not ask for it. */
export const PICTURE_TYPES = "image/jpeg,image/png,image/webp,image/avif";

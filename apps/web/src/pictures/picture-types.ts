/** HEIC is not named: an iPhone then sends a JPEG of it, which costs us less. Who chooses a HEIC file elsewhere may. */
export const PICTURE_TYPES = "image/jpeg,image/png,image/webp,image/avif,.heic,.heif";

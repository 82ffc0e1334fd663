/** JPEG quality: no visible loss at the sizes shown. */
const QUALITY = 0.88;

/** The largest centred part of a picture with the shape of `width` × `height`. Pixels. */
export function middlePart(fromWidth: number, fromHeight: number, width: number, height: number) {
  const scale = Math.min(fromWidth / width, fromHeight / height);
  const partWidth = Math.round(width * scale);
  const partHeight = Math.round(height * scale);
  return {
    x: Math.round((fromWidth - partWidth) / 2),
    y: Math.round((fromHeight - partHeight) / 2),
    width: partWidth,
    height: partHeight,
  };
}

/**
 * Crops and scales a photo in the browser: phones take pictures far larger than the server accepts, and a new file
 * contains no place or time of the camera. Throws if it is no picture.
 */
export async function scaleImage(file: Blob, width: number, height: number): Promise<Blob> {
  const image = await createImageBitmap(file);
  const part = middlePart(image.width, image.height, width, height);
  const canvas = document.createElement("canvas");
  canvas.width = Math.min(width, part.width);
  canvas.height = Math.min(height, part.height);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("no canvas");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, part.x, part.y, part.width, part.height, 0, 0, canvas.width, canvas.height);
  image.close();
  return new Promise((resolve, reject) => {
    const done = (blob: Blob | null) => (blob ? resolve(blob) : reject(new Error("no picture")));
    canvas.toBlob(done, "image/jpeg", QUALITY);
  });
}

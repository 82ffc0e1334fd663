/** Whether a text may name a traffic colour. */
export const isColour = (text: string): boolean => /^[a-z0-9-]{1,32}$/.test(text);

/** What one has watched, what is watched much, and what authors learn of that. */
export const playback = {
  views: "Views",
  goesOnAt: (time: string) => `Goes on at ${time}`,
  fromTheStart: "From the start",
};

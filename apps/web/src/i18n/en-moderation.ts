export const moderation = {
  report: "Report",
  reportOf: (name: string) => `Report the comment of ${name}`,
  moderation: "Moderation",
  moderate: "Moderate…",
  decisions: "Decisions of the moderation team",
};

export const moderation = {
  report: "举报",
  reportOf: (name: string) => `举报 ${name} 的评论`,
  moderation: "内容审核",
  moderate: "审核处理…",
  decisions: "管理团队的决定",
};

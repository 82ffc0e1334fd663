import type { Dictionary } from "./dictionary.ts";
import type * as english from "./en-pictures.ts";

export const pictures: Pick<Dictionary, keyof typeof english.pictures> = {
  carousel: "图片",
  pictureOf: (at, all) => `第 ${at} 张图片，共 ${all} 张`,
  pictureShows: (place, alt) => (alt ? `${place}：${alt}` : place),
  nextPicture: "下一张图片",
  previousPicture: "上一张图片",
  picturesFailed: "这张图片暂时无法显示。",
  picturesCount: (count) => `${count} 张图片`,
  viewPictures: (title) => (title ? `查看《${title}》` : "查看图片"),
  picturesTitle: (count, all) => `图片 ${count} / ${all}`,
  addPictures: "添加图片",
  altLabel: (place) => `${place}：内容描述`,
  altPlaceholder: "写给看不到图片的人（选填）",
  pictureCover: "封面",
  pictureEarlier: (place) => `${place}：前移`,
  pictureLater: (place) => `${place}：后移`,
  pictureRemove: (place) => `${place}：移除`,
  picturesPublish: "发布图文",
  picturesSending: (done, all) => `正在上传：${done} / ${all}`,
  picturesSent: "图片已全部上传",
  picturesRefused: "请先移除未被接受的图片，再发布。",
  picturesPublished: "图文已发布。",
  picturesPublishedNews: "图片已上传，马上就会发布。",
  picturesPreparing: (percent) => `正在为各种屏幕准备图片：${percent}`,
  picturesDiscard: "全部放弃",
};

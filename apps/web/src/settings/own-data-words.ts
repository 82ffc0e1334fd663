/** Of a part that few open: not with the first load. */
export const enOwnData = {
  ownData: "My data",
  ownDataBody:
    "Everything there is of you as one file: profile, videos, comments, messages, history and more. Once a day; it is kept for seven days.",
  ownDataAsk: "Put my data together",
  ownDataAgain: "Put it together again",
  ownDataWaiting: "Your data is being put together. You can leave this page.",
  ownDataFailed: "That did not work. Try again.",
  ownDataLoad: (size: string) => `Download (${size})`,
};

export const zhOwnData: typeof enOwnData = {
  ownData: "我的数据",
  ownDataBody: "把你的资料、视频、评论、私信、观看历史等全部打包成一个文件。每天一次，保留七天。",
  ownDataAsk: "打包我的数据",
  ownDataAgain: "重新打包",
  ownDataWaiting: "正在打包，可以离开此页。",
  ownDataFailed: "打包没有成功，请重试。",
  ownDataLoad: (size: string) => `下载（${size}）`,
};

export type Name = "lin" | "maya" | "tofu" | "jonas";

interface Said {
  by: Name;
  text: string;
  replies?: { by: Name; text: string }[];
  /** Its author pins it. */
  pinned?: true;
}
interface Reception {
  likes: Name[];
  comments: Said[];
}

/** The follows: most are mutual, and some are left to follow back. */
export const follows: Record<Name, Name[]> = {
  lin: ["maya", "tofu", "jonas"],
  maya: ["lin", "tofu", "jonas"],
  tofu: ["lin", "maya"],
  jonas: ["lin", "maya", "tofu"],
};

/** Reactions and comments to each clip, by its title. */
export const receptions: Record<string, Reception> = {
  Aurora: {
    likes: ["maya", "tofu", "jonas"],
    comments: [
      { by: "jonas", text: "I drove six hours north for this once and saw clouds.", pinned: true },
      {
        by: "tofu",
        text: "像丝绸一样，真美。",
        replies: [{ by: "lin", text: "谢谢！其实只有三个公式。" }],
      },
      { by: "maya", text: "Best watched in the dark, with the sound on." },
    ],
  },
  Flower: {
    likes: ["lin", "tofu", "jonas"],
    comments: [
      {
        by: "lin",
        text: "好美的花，看了三遍。",
        replies: [{ by: "maya", text: "谢谢，那就再看一遍 :)" }],
        pinned: true,
      },
      {
        by: "jonas",
        text: "The petals breathe. What did you use to draw them?",
        replies: [
          { by: "maya", text: "One cosine for each ring, and a lot of patience." },
          { by: "tofu", text: "数学就是最好的画笔。" },
        ],
      },
      { by: "tofu", text: "数学真美 · r = cos(kθ)" },
      { by: "jonas", text: "Now it is on my wall." },
    ],
  },
  Life: {
    likes: ["lin", "jonas"],
    comments: [
      {
        by: "maya",
        text: "Is there a glider in the lower left?",
        replies: [{ by: "tofu", text: "Well spotted! It leaves after four seconds." }],
      },
      { by: "lin", text: "看着看着就忘了时间。" },
    ],
  },
  Mandelbrot: {
    likes: ["lin", "maya", "tofu"],
    comments: [
      {
        by: "tofu",
        text: "再放大十倍会看到什么？",
        replies: [{ by: "jonas", text: "Another one. Always another one." }],
      },
      { by: "maya", text: "The music makes me feel small, in a good way." },
    ],
  },
  Silk: {
    likes: ["maya", "tofu", "jonas"],
    comments: [
      { by: "jonas", text: "Seven seconds of calm before the next meeting." },
      { by: "tofu", text: "这个配色太舒服了！", replies: [{ by: "lin", text: "灵感来自外婆的围巾。" }] },
    ],
  },
  Sunset: {
    likes: ["lin", "tofu", "jonas"],
    comments: [
      {
        by: "tofu",
        text: "这个颜色太治愈了，能不能出个教程？",
        replies: [{ by: "maya", text: "当然可以 :)" }],
        pinned: true,
      },
      { by: "jonas", text: "Could watch this all evening." },
      { by: "lin", text: "海面是怎么做出来的？" },
      { by: "maya", text: "谢谢大家！下周讲一讲做法。" },
    ],
  },
};

/** Conversations between two people; each message has its sender. */
export const conversations: [Name, Name, [Name, string][]][] = [
  [
    "tofu",
    "lin",
    [
      ["tofu", "周末的线下放映会，你来吗？"],
      ["lin", "来！要带投影仪吗？"],
      ["tofu", "不用，场地有。带上你的新片就行 🎬"],
    ],
  ],
  [
    "jonas",
    "lin",
    [
      ["jonas", "Your aurora needs a slower pad underneath. May I?"],
      ["lin", "Please! I will send you the version without sound."],
    ],
  ],
  [
    "jonas",
    "maya",
    [
      ["jonas", "New sketch is up, 98 bpm. Want to draw something to it?"],
      ["maya", "Already on it. Waves or petals?"],
      ["jonas", "Petals. Always petals."],
    ],
  ],
  [
    "maya",
    "lin",
    [
      ["maya", "看了你新发的视频，光太好了！"],
      ["lin", "谢谢！那天等了三个小时。"],
      ["maya", "下周我们一起拍一个？"],
      ["lin", "好呀，周六早上怎么样？"],
      ["maya", "周六见。"],
    ],
  ],
];

interface GroupLine {
  by: Name;
  text: string;
  /** The title of a clip that is shown with it. */
  clip?: string;
  /** The place of the line that it answers. */
  answers?: number;
  reactions?: [Name, string][];
}

/** A group; all of its people are friends of its owner, so nobody has to accept an invitation. */
export const group: { name: string; owner: Name; others: Name[]; lines: GroupLine[] } = {
  name: "周六放映会 · Screening night",
  owner: "lin",
  others: ["maya", "tofu", "jonas"],
  lines: [
    { by: "lin", text: "周六的放映会，先收一下片单。" },
    {
      by: "maya",
      text: "我带这个，循环版的。",
      clip: "Sunset",
      reactions: [
        ["lin", "❤️"],
        ["tofu", "❤️"],
        ["jonas", "🔥"],
      ],
    },
    { by: "jonas", text: "I bring the speakers. @tofu, do you have the projector?" },
    {
      by: "tofu",
      text: "有的，七点见！",
      answers: 2,
      reactions: [
        ["lin", "👍"],
        ["jonas", "👍"],
      ],
    },
  ],
};

/** The people of the demonstration; their clips are in this folder. */
export const demoPeople = [
  { username: "lin", name: "林小满", signature: "山里的光，每天都不一样。" },
  { username: "maya", name: "Maya Okafor", signature: "Slow loops for fast days." },
  { username: "tofu", name: "豆腐工作室", signature: "把数学拍成短片 · Math in motion" },
  { username: "jonas", name: "Jonas Weber", signature: "Synth sketches, one a week." },
];

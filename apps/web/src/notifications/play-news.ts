const LOCK = "douya.sound";
const TONES_HZ = [660, 880];
const TONE_S = 0.09;
const LOUDNESS = 0.06;
/** Other tabs are silent for so long. */
const QUIET_MS = 1_000;

let context: AudioContext | undefined;

/** A short sound; of several tabs one makes it. Browsers make none before the person has touched the page. */
export function playNews(): void {
  if (navigator.userActivation && !navigator.userActivation.hasBeenActive) return;
  if (!navigator.locks) return void play();
  void navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => (lock ? play() : undefined));
}

async function play(): Promise<void> {
  context ??= new AudioContext();
  const { currentTime, destination } = context;
  TONES_HZ.forEach((hz, i) => {
    const tone = new OscillatorNode(context!, { frequency: hz });
    const startS = currentTime + i * TONE_S;
    const volume = new GainNode(context!, { gain: LOUDNESS });
    volume.gain.setTargetAtTime(0, startS + TONE_S / 2, TONE_S / 4);
    tone.connect(volume).connect(destination);
    tone.start(startS);
    tone.stop(startS + TONE_S);
  });
  // Not until the tones end: in a context that the system has suspended they never do.
  await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
}

import { expect, it } from "vitest";
import { Problem } from "../api/problem.ts";
import type { Message, User } from "../api/types.ts";
import { createPictureOutbox, type OutgoingPicture } from "./picture-outbox.ts";

/** An outbox, and a server that takes a picture or refuses it as it is told. */
function sending() {
  const asked: ((problem?: Problem) => Promise<void>)[] = [];
  const answers: [text: string, answers: string | undefined][] = [];
  const outbox = createPictureOutbox({
    session: { user: () => ({ id: "7" }) as User, subscribe: () => () => {} },
    send: ({ file, replyTo }: OutgoingPicture) =>
      new Promise<Message>((resolve, reject) =>
        asked.push(async (problem) => {
          if (problem) reject(problem);
          else {
            answers.push([await file.text(), replyTo?.id]);
            resolve({ id: "1" } as Message);
          }
          await new Promise(setImmediate);
        }),
      ),
    onSent() {},
  });
  return { outbox, answers, answer: (problem?: Problem) => asked.shift()!(problem) };
}
const pictures = (...texts: string[]) => texts.map((text) => new Blob([text]));
const refused = new Problem(415, { reason: "IMAGE_UNREADABLE" });

it("the first picture that is taken answers the message, whatever is refused before it", async () => {
  const { outbox, answers, answer } = sending();
  outbox.add("1", pictures("a", "b", "c"), { id: "9", text: "?" });
  await answer(refused);
  await answer();
  await answer();
  expect(answers).toEqual([
    ["b", "9"],
    ["c", undefined],
  ]);
  outbox.again("1");
  await answer();
  expect(answers.at(-1)).toEqual(["a", undefined]);
  expect(outbox.waiting("1")).toEqual([]);
});

it("those that are picked later answer for themselves, also where one was deleted before it got there", async () => {
  const { outbox, answers, answer } = sending();
  const asked = { id: "9", text: "?" };
  outbox.add("1", pictures("a", "b"), asked);
  outbox.add("1", pictures("c", "d"), asked);
  await answer(refused);
  await answer(refused);
  outbox.drop(outbox.waiting("1")[0]!.key);
  await answer();
  await answer();
  outbox.again("1");
  await answer();
  expect(answers).toEqual([
    ["c", "9"],
    ["d", undefined],
    ["b", "9"],
  ]);
});

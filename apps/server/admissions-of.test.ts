import { expect, test } from "vitest";
import { createAdmission } from "#platform/protect/admission.ts";
import { admissionsOf } from "./admissions-of.ts";
import { table } from "./targets.ts";

test("a module lets in reads and changes apart, and not what has a queue of its own", () => {
  const made: string[] = [];
  const protect = {
    admission(name: string) {
      made.push(name);
      return createAdmission({ loopDelayMs: () => 0 });
    },
  };
  const of = (module: "user" | "video") => {
    const admissionOf = admissionsOf(table[module]!.module, protect);
    return (name: string) =>
      admissionOf(
        table[module]!.module.service!.methods.find(
          ({ localName }: { localName: string }) => localName === name,
        ),
      );
  };
  const [user, video] = [of("user"), of("video")];
  expect(user("logIn")).toBeUndefined();
  expect(user("getUsers")).toBe(user("findUsers"));
  expect(user("refresh")).toBe(user("updateProfile"));
  expect(video("readMediaInput")).toBe(video("finishMediaJob"));
  expect(video("addUpload")).toBeUndefined();
  // Covers are drawn apart from what nobody waits for long.
  for (const drawing of ["setCover", "updateVideoAndCover"]) expect(video(drawing)).toBeUndefined();
  expect(video("updateVideo")).toBe(video("deleteVideo"));
  expect(video("getVideos")).toBeDefined();
  const all = ["user reads", "user changes", "video media workers", "video changes", "video reads"];
  expect(made).toEqual(all);
});

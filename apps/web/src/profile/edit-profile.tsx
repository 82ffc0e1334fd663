import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { fieldErrors } from "../account/field-errors.ts";
import { asProblem } from "../api/problem.ts";
import { useServices } from "../api/services.tsx";
import type { User } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { Dialog, DialogActions } from "../ui/dialog.tsx";
import { Field } from "../ui/field.tsx";
import { TextArea } from "../ui/text-area.tsx";
import { useToast } from "../ui/toast.tsx";
import { ImageButton } from "./image-button.tsx";
import { drawnPicture, ownPicture, useImageChoice } from "./image-choice.ts";
import { saveProfile } from "./save-profile.ts";
import "./edit.css";

const AVATAR_PX = 512;
const BACKGROUND_PX = [1600, 640] as const;
const MAX_NAME = 32;
const MAX_SIGNATURE = 200;

export function EditProfile({ user, onClose }: { user: User; onClose: () => void }) {
  const { t } = useI18n();
  const { api, sendRaw, session } = useServices();
  const cache = useQueryClient();
  const toast = useToast();
  const avatar = useImageChoice(ownPicture(user.avatarUrl), AVATAR_PX, AVATAR_PX);
  const background = useImageChoice(ownPicture(user.backgroundUrl), ...BACKGROUND_PX);
  const [name, setName] = useState(user.name);
  const [signature, setSignature] = useState(user.signature);
  const save = useMutation({
    mutationFn: () =>
      saveProfile(api, sendRaw, user, {
        name: name.trim(),
        signature: signature.trim(),
        avatar: avatar.choice,
        background: background.choice,
      }),
    onSuccess: (saved) => {
      session.updateUser(saved);
      cache.setQueryData(["me"], saved);
      cache.setQueryData(["user", saved.id], saved);
      void cache.invalidateQueries({ queryKey: ["feed"] });
      toast(t.profileSaved);
      onClose();
    },
  });
  const errors = save.error ? fieldErrors(t, asProblem(save.error), ["name", "signature"]) : {};
  const imageError = avatar.failed || background.failed ? t.badImage : errors.form;
  return (
    <Dialog title={t.editProfile} onClose={onClose}>
      <form
        className="edit"
        onSubmit={(event) => {
          event.preventDefault();
          save.mutate();
        }}
      >
        <div className="edit-images">
          <div className="profile-background">
            <img src={background.url ?? drawnPicture("background", user.id)} alt={t.background} />
            <ImageButton
              change={t.changeBackground}
              remove={t.removeBackground}
              hasImage={background.url !== null}
              onPick={background.pick}
              onRemove={background.remove}
            />
          </div>
          <div className="profile-avatar">
            <Avatar user={{ ...user, avatarUrl: avatar.url ?? drawnPicture("avatar", user.id) }} size={88} />
            <ImageButton
              change={t.changeAvatar}
              remove={t.removeAvatar}
              hasImage={avatar.url !== null}
              onPick={avatar.pick}
              onRemove={avatar.remove}
            />
          </div>
        </div>
        {imageError && (
          <p className="own-failure" role="alert">
            {imageError}
          </p>
        )}
        <Field
          label={t.name}
          value={name}
          maxLength={MAX_NAME}
          required
          autoComplete="nickname"
          error={name.trim() === "" ? t.required : errors.name}
          onChange={(event) => setName(event.target.value)}
        />
        <TextArea
          label={t.signature}
          value={signature}
          maxCharacters={MAX_SIGNATURE}
          error={errors.signature}
          onText={setSignature}
        />
        <DialogActions
          action={save.isPending ? t.saving : t.save}
          busy={save.isPending || name.trim() === ""}
          onClose={onClose}
        />
      </form>
    </Dialog>
  );
}

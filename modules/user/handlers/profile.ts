import { Picture, type UserService } from "#contracts/gen/user_pb.ts";
import type { UserId } from "#contracts/ids.ts";
import { type BlobKey, type BlobStore, blobKey } from "#platform/blob/blob-store.ts";
import { createListBatcher } from "#platform/db/batcher.ts";
import type { PerCall, StoreFor } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Media, PictureOptions } from "#platform/media/media-tool.ts";
import type { Protection } from "#platform/protect/protection.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { AccountStore } from "../account-store.ts";
import { toUser } from "../present.ts";
import { checkName, checkSignature } from "../rules.ts";

type Service = Handlers<typeof UserService>;

export function getUsers(store: StoreFor<AccountStore>): Service["getUsers"] {
  const load = createListBatcher(
    async (ids, batch) => new Map((await store(batch).accountsById(ids)).map((row) => [row.id, row])),
  );
  return async (request, call) => {
    const ids = request.ids.filter(isId);
    const accounts = await load(ids, call);
    const found = ids.map((id) => accounts.get(id)).filter((account) => account !== undefined);
    return { users: found.map((account) => toUser(account, call.callerId)) };
  };
}

/** The most names of one request. */
const maxNames = 100;

export function findUsers(store: StoreFor<AccountStore>): Service["findUsers"] {
  return async ({ nameKeys }, call) => {
    const found = await store(call).idsByName(nameKeys.slice(0, maxNames));
    return { users: found.map(({ id, name_key }) => ({ userId: id, nameKey: name_key })) };
  };
}

export function updateProfile(store: PerCall<AccountStore>): Service["updateProfile"] {
  return async (request, call) => {
    const caller = requireCaller(call) as UserId;
    const change = {
      ...(request.name !== undefined && { name: checkName(request.name) }),
      ...(request.signature !== undefined && { signature: checkSignature(request.signature) }),
    };
    return toUser(await store(call).updateProfile(caller, change));
  };
}

const pictures = {
  [Picture.AVATAR]: { column: "avatar_key", maxWidthPx: 512, maxHeightPx: 512, crop: true },
  [Picture.BACKGROUND]: { column: "background_key", maxWidthPx: 1600, maxHeightPx: 900, crop: true },
} as const;

export function setPicture(
  store: PerCall<AccountStore>,
  blobs: BlobStore,
  media: Media,
  jobs: Jobs,
  protect: Pick<Protection, "boundedQueue">,
): Service["setPicture"] {
  // Each holds a connection while a store of files is asked, which may be silent, and others need connections too.
  const queue = protect.boundedQueue("profile_picture_queue", {
    help: "Profile pictures and covers that wait to be set",
    concurrency: 2,
    maxWaiting: 20,
    typicalMs: 50,
  });

  /** A clean JPEG made from the sent file, which is removed. */
  async function redraw(staged: string, options: PictureOptions) {
    const drawn = await blobs.stagingPath("jpg");
    try {
      await blobs.withFile({ staged }, (path) => media.picture(path, drawn.path, options), options.signal);
      return await blobs.adopt(drawn.name);
    } catch (error) {
      await blobs.discard(drawn.name);
      throw error;
    } finally {
      await blobs.discard(staged);
    }
  }

  return async (request, call) => {
    const caller = requireCaller(call) as UserId;
    const { column, ...box } =
      pictures[request.picture === Picture.BACKGROUND ? request.picture : Picture.AVATAR];
    const drawn = request.staged
      ? await redraw(request.staged, { ...box, signal: call.signal, person: caller })
      : undefined;
    const key = drawn ? blobKey("picture", drawn.sha256, "jpg") : "";
    const removal = key ? await store(call).removeUnlessSet(key, jobs) : undefined;
    // Outside of the transaction: a store far away may take its time.
    if (drawn) await blobs.commit(drawn.name, key as BlobKey);
    const isThere = async () => (await blobs.size(key as BlobKey)) !== undefined;
    const set = async () => {
      const setting = store(call).setPicture(caller, { column, key, isThere, removal }, jobs);
      return setting.catch(async (error) => {
        if (key) await store.lasting.dropPicture(key, jobs).catch(() => {});
        throw error;
      });
    };
    const { account, dropped } = await queue.run(set, call.deadlineMs);
    // Gone with the next request; where it cannot be removed now, the job does it.
    if (dropped)
      await queue.run(() => store(call).removePicture(dropped, blobs), call.deadlineMs).catch(() => {});
    return toUser(account);
  };
}

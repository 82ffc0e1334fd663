import { MessageService } from "#contracts/gen/message_pb.ts";
import { RelationService } from "#contracts/gen/relation_pb.ts";
import { UserService } from "#contracts/gen/user_pb.ts";
import { perCall } from "#platform/db/database.ts";
import { defineModule } from "#platform/module/module.ts";
import { only } from "#platform/rpc/service.ts";
import { consumeErasures } from "./account-erasure.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { markRead } from "./handlers/mark-read.ts";
import { readHandlers } from "./handlers/read.ts";
import { send } from "./handlers/send.ts";
import { migrations } from "./migrations.ts";
import { counts } from "./recount.ts";
import { sendStore } from "./send-store.ts";
import { messageStore } from "./store.ts";
import type { Tables } from "./tables.ts";

/** Conversations between two people. */
export const messageModule = defineModule<object, Tables>()({
  name: "message",
  service: MessageService,
  calls: { user: only(UserService, "getUsers"), relation: only(RelationService, "getRelations") },
  migrations,
  recount: counts,
  async start({ db, clients, ids, events }) {
    const store = perCall(db, messageStore);
    const erasures = consumeErasures(events, perCall(db, accountErasureStore));
    return {
      handlers: {
        send: send(
          perCall(db, (until) => sendStore(until, ids, events)),
          clients.user,
          clients.relation,
        ),
        markRead: markRead(store),
        ...readHandlers(store),
      },
      stop: () => erasures.stop(),
    };
  },
});

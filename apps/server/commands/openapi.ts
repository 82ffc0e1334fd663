import { declaredGateway } from "../declared-gateway.ts";
import type { Command } from "./command.ts";

export const openapiCommand: Command = {
  summary: "prints the OpenAPI document of /api/v1",
  options: {},
  async run() {
    const app = await declaredGateway();
    const answer = await app.inject("/api/v1/openapi.json");
    console.log(JSON.stringify(answer.json(), null, 2));
    await app.close();
  },
};

// Publishes a message with a client that is generated from the server's description, and reads each
// kind of event.

import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Draft = components["schemas"]["MessageDraft"];
type Event = components["schemas"]["Event"];

declare const process: { argv: string[] };

/** Compiles only if `type` distinguishes the events, and all events are named here. */
export function summary(event: Event): string {
  switch (event.type) {
    case "message":
      return `${event.user}: ${JSON.stringify(event.message?.["text"])}`;
    case "message:edit":
      return `${event.uuid} was edited at ${event.edited}`;
    case "message:delete":
      return `${event.uuid} was deleted`;
    case "presence":
      return `${event.user} ${event.message.action}`;
    case "user_state_change":
      return `${event.user} changed ${event.message.changed.map((change) => change.key).join()}`;
    case "catchup:gap":
      return `events of ${event.channel ?? "this user"} are gone`;
    default:
      return event satisfies never;
  }
}

const [baseUrl = "", signature = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { "x-channelstream-secret": signature } });

const draft: Draft = {
  user: "bob",
  channel: "news",
  message: { text: "hello", deep: { list: [1, null, "two"] } },
};
const published = await client.POST("/message", { body: [draft] });
if (published.data === undefined) {
  throw new Error(`the message was refused: ${JSON.stringify(published.error)}`);
}
if (published.data[0]?.message?.["text"] !== "hello") {
  throw new Error(`the answer is not the message: ${JSON.stringify(published.data)}`);
}

// The error of a call that breaks a rule has a type too.
const refused = await client.POST("/message", { body: [{ ...draft, user: "" }] });
if (refused.error === undefined || !("0" in refused.error)) {
  throw new Error(`a message without a sender was not refused: ${JSON.stringify(refused)}`);
}

import { log, Reject, untyped } from "@hookyard/sdk";

export const handler = untyped((message, { eventId, eventType }) => {
  if (message.body.length === 0) throw new Reject("the body is empty"); // a rejected event is not tried again
  log.info(`${eventType ?? "event"} ${eventId}: ${message.body.length} bytes`);
});

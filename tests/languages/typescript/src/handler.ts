import { bucket, http, log, plugin, Reject, respondJson, Retry, send, setting } from "@hookyard/sdk";
import { offerDeclined, type AcceptedByUserPayload, type Event } from "../gen/topi-saas.js";

const counts = bucket<number>("counts");

/** Only StarlingMonkey has `fetch`, so its type is not known where the engine is QuickJS. */
type Fetch = (url: string) => Promise<{ status: number; text(): Promise<string> }>;

const behaviours: Record<string, (payload: AcceptedByUserPayload) => unknown> = {
  sum({ offer }) {
    log.info(`sum ${offer.offerLines.reduce((sum, line) => sum + line.price.value, 0n)}`);
  },
  title({ offer }) {
    const title = offer.offerLines[0]?.title ?? "";
    log.info(`title ${new TextEncoder().encode(title).length} ${[...title.slice(0, 24)].slice(0, 12).join("")}`);
  },
  lines({ offer }) {
    log.info(`lines ${offer.offerLines.length}`);
  },
  optional({ endCustomer }) {
    log.info(`company ${endCustomer.companyName ?? "none"}`);
  },
  reject() {
    throw new Reject("asked to reject");
  },
  retry() {
    throw new Retry("asked to retry", { after: "60s" });
  },
  trap() {
    nested();
  },
  "host-error"() {
    send("nowhere", "{}");
  },
  log() {
    for (const level of ["trace", "debug", "info", "warn", "error"] as const) log[level](`level ${level}`);
    console.log("printed");
  },
  count() {
    log.info(`count ${counts.increment("offers")}`);
  },
  values() {
    const values = bucket<unknown>("values");
    values.set("a", [1, 2]);
    values.set("b", "é");
    const [a, before, keys] = [values.get("a"), values.exists("b"), values.keys().sort()];
    values.delete("b");
    log.info(`values ${JSON.stringify(a)} ${before} ${keys.join(",")} ${values.exists("b")}`);
  },
  update() {
    log.info(`update ${counts.update("updates", (count = 0) => count + 1)}`);
  },
  setting() {
    log.info(`setting ${setting("mode") ?? "none"}`);
  },
  send() {
    send("raw", '{"hello":"wörld"}', "k");
  },
  respond() {
    respondJson({ hello: "wörld" }, { status: 201, headers: { "X-Pot": "round" } });
  },
  answer({ offerId }) {
    offerDeclined({ offerId, reason: "asked to" });
  },
  http() {
    const answer = http.get(setting("url") ?? "");
    log.info(`http ${answer.status} ${answer.text()}`);
  },
  async fetch() {
    const { fetch } = globalThis as unknown as { fetch: Fetch };
    const answer = await fetch(setting("url") ?? "");
    log.info(`fetch ${answer.status} ${await answer.text()}`);
  },
};

function nested() {
  throw new TypeError("asked to trap");
}

export const handler = plugin<Event>({
  "offer-accepted-by-user"({ payload }, delivery) {
    const { offerId } = payload;
    if (offerId === "delivery") {
      const { tenant, source, provider, eventType, attempt } = delivery;
      log.info(`delivery ${tenant}/${source} ${provider} ${eventType} ${attempt}`);
      return;
    }

    const behaviour = behaviours[offerId];
    if (!behaviour) throw new Reject(`unknown behaviour ${offerId}`);
    return behaviour(payload) as undefined;
  },
  other(_text, { eventType }) {
    log.info(`other ${eventType}`);
  },
});

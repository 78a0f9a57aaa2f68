export { HostError, Reject, Retry } from "./outcome.js";
export { http } from "./http.js";
export { log } from "./log.js";
export { minorUnits } from "./money.js";
export { plugin, untyped } from "./plugin.js";
export { send, sendJson } from "./outbox.js";
export { respond, respondJson } from "./responder.js";
export { setting, settings } from "./setting.js";
export { bucket } from "./store.js";

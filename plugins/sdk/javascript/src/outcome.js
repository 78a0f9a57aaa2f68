// What leaves a handler. Every other error is a fault of the plugin, and the attempt ends as trapped.

/** The event can never be handled. The message is the reason. */
export class Reject extends Error {
  name = "Reject";
}

/** The event cannot be handled now. The message is the reason. */
export class Retry extends Error {
  name = "Retry";

  constructor(reason, { after } = {}) {
    super(reason);
    this.after = after === undefined ? undefined : milliseconds(after);
  }
}

/** The host or a third party could not do what the handler asked for. If nobody catches it, the host retries. */
export class HostError extends Error {
  name = "HostError";
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Reads a duration: a number of milliseconds, or a text such as "60s". */
export function milliseconds(duration) {
  if (typeof duration === "number" && duration >= 0) return Math.round(duration);

  const found = /^(\d+)(ms|s|m|h|d)$/.exec(duration);
  if (!found) throw new TypeError(`"${duration}" is not a duration such as "500ms", "60s", "5m", "2h" or "1d"`);
  return Number(found[1]) * UNITS[found[2]];
}

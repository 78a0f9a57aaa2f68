// The log of the plugin, which `console` writes to as well.
import { show } from "./show.js";

const early = [];
let write = (level, line) => early.push([level, line]);

/** Sends all lines to `sink`, also those that were written while the plugin was loaded. */
export function writeTo(sink) {
  write = sink;
  for (const [level, line] of early.splice(0)) write(level, line);
}

function level(name) {
  return (...values) => {
    for (const line of values.map(show).join(" ").split("\n")) write(name, line);
  };
}

export const log = {
  trace: level("trace"),
  debug: level("debug"),
  info: level("info"),
  warn: level("warn"),
  error: level("error"),
};

/** `console` for the component: every line has its level. */
export const levelledConsole = {
  ...log,
  log: log.info,
  dir: log.info,
  assert(condition, ...values) {
    if (!condition) log.error("assertion failed:", ...values);
  },
};

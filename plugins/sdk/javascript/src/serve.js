// The component's side of a handler: values of the engine become values of the SDK, and what leaves the handler
// becomes the outcome. The generated gen/entry.js calls `serve`.
import { begin, engine, offered, provide } from "./host.js";
import { writeTo } from "./log.js";
import { HostError, Reject, Retry } from "./outcome.js";
import { asyncRefused, beginWatching, refusePromises, refuseRejected, watchPromises } from "./promises.js";
import { lifter, lower } from "./shape.js";
import { message } from "./show.js";
import { encode } from "./text.js";
import { trace } from "./trace.js";

/** Makes the exported interface of the component. */
export function serve(handler, { imports, shapes }) {
  const isQuickJs = shapes.engine === "quickjs";
  provide(imports);
  watchPromises(isQuickJs);
  if (isQuickJs) Object.assign(engine, { lower, integer: Number });
  const lift = (shapes.event && lifter(shapes.event, shapes.types)) ?? ((value) => value);

  const run = (given, input) => {
    start(given.eventId);
    return handler(lift(input, ""), delivery(given));
  };
  return { handle: isQuickJs ? sync(run) : async(run) };
}

function sync(run) {
  return (given, input) => {
    try {
      const result = run(given, input);
      refusePromises();
      if (typeof result?.then === "function") throw asyncRefused();
    } catch (error) {
      leave(error);
    }
  };
}

function async(run) {
  return async (given, input) => {
    try {
      await run(given, input);
      await refuseRejected();
    } catch (error) {
      leave(error);
    }
  };
}

function start(eventId) {
  begin(eventId);
  beginWatching();
  writeTo(offered("wasi:logging/logging") ? toLogging : toStreams);
  Math.random = random; // the engine's own would repeat: its state is in the component
}

function delivery(given) {
  return { ...given, eventType: given.eventType ?? undefined, receivedAt: new Date(Number(given.receivedAt)) };
}

/** Ends the attempt with an error. Throws what the host knows as a failure, and ends the component otherwise. */
function leave(error) {
  if (error instanceof Reject) throw { tag: "reject", val: error.message };
  if (error instanceof Retry || error instanceof HostError) {
    const after = error.after === undefined ? undefined : engine.integer(error.after);
    throw { tag: "retry", val: { reason: error.message, after } };
  }

  // The host takes the last line of standard error for the reason.
  toStream("stderr", [...trace(error), ...cause(error), message(error)].join("\n"));
  offered("wasi:cli/exit").exit({ tag: "err", val: undefined });
}

function cause(error) {
  return error?.cause === undefined ? [] : [`    caused by ${message(error.cause)}`, ...trace(error.cause)];
}

function toLogging(level, line) {
  offered("wasi:logging/logging").log(level, "", line);
}

function toStreams(level, line) {
  toStream(level === "error" ? "stderr" : "stdout", level === "info" ? line : `${level}: ${line}`);
}

function toStream(name, text) {
  const cli = offered(`wasi:cli/${name}`);
  const stream = name === "stderr" ? cli.getStderr() : cli.getStdout();
  const bytes = encode(`${text}\n`);
  for (let at = 0; at < bytes.length; at += 4096) stream.blockingWriteAndFlush(bytes.subarray(at, at + 4096));
}

function random() {
  const words = new Uint32Array(2);
  crypto.getRandomValues(words);
  return ((words[0] >>> 5) * 2 ** 26 + (words[1] >>> 6)) / 2 ** 53;
}

// Promises that a handler leaves behind. Neither engine reports them, and the event would count as done. The build
// compiles `async` to calls of `Promise`, so that this file sees every promise of the plugin.

const Native = globalThis.Promise;
const handled = new WeakSet();
const rejected = new Map();
let isWatching = false;
let refused;

/** Watches all promises. With `refuse`, none may be made while an event is handled. */
export function watchPromises(refuse) {
  const Watched = new Proxy(Native, {
    construct(target, values, newTarget) {
      const promise = Reflect.construct(target, values, newTarget === Watched ? target : newTarget);
      if (isWatching && refuse) refused ??= asyncRefused();
      if (isWatching && !refuse) watch(promise);
      return promise;
    },
  });
  const { then } = Native.prototype;

  function watch(promise) {
    isWatching = false; // `then` makes a promise itself
    then.call(promise, undefined, (reason) => void (handled.has(promise) || rejected.set(promise, reason)));
    isWatching = true;
  }
  Native.prototype.then = function (...callbacks) {
    handled.add(this);
    rejected.delete(this);
    return then.apply(this, callbacks);
  };
  Native.prototype.constructor = Watched;
  globalThis.Promise = Watched;
}

export function asyncRefused() {
  return new TypeError('QuickJS runs no code after an await: make the handler synchronous, or set engine = "starling"');
}

/** Begins an event. The instance may have handled others before. */
export function beginWatching() {
  isWatching = true;
  refused = undefined;
  rejected.clear();
}

/** Throws if the handler made a promise that the engine does not run. */
export function refusePromises() {
  if (refused) throw refused;
}

/** Throws what a promise was rejected with that nobody awaits. */
export async function refuseRejected() {
  for (let turn = 0; turn < 10; turn++) await undefined;
  for (const reason of rejected.values()) throw reason;
}

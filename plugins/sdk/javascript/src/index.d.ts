/** Thrown by a handler: the event can never be handled. The message is the reason. */
export declare class Reject extends Error {}

/** Thrown by a handler: the event cannot be handled now, and the host tries again later. */
export declare class Retry extends Error {
  /** `after` is the minimum delay; the source's retry schedule applies if its delay is longer. */
  constructor(reason: string, options?: { after?: Duration });
  /** The minimum delay in milliseconds. */
  readonly after: number | undefined;
}

/** The host or a third party could not do what the handler asked for. If nobody catches it, the host retries. */
export declare class HostError extends Error {}

/** Milliseconds, or a text such as "500ms", "60s", "5m", "2h" or "1d". */
export type Duration = number | `${number}${"ms" | "s" | "m" | "h" | "d"}`;

/** What the host knows about the event and about this attempt. */
export interface Delivery {
  /** The host's id of the event: a UUID, which is the same on every attempt. */
  readonly eventId: string;
  /** The tenant that received the event. */
  readonly tenant: string;
  /** The source that received the event. */
  readonly source: string;
  /** The provider of the event, such as `topper`. */
  readonly provider: string;
  /** The sender's name for the type of the event, if the host could determine it. */
  readonly eventType: string | undefined;
  /** The text that identifies the event: the sender repeats it when it sends the event again. */
  readonly key: string;
  /** The number of this attempt; the first attempt of a plugin for an event is 1. */
  readonly attempt: number;
  /** The time at which the host received the event. */
  readonly receivedAt: Date;
}

/** Facts about the engine, which the generated gen/engine.d.ts adds. */
export interface Engine {}

/** What a handler returns. It may be a promise only where the engine is StarlingMonkey. */
export type Handled = Engine extends { async: true } ? void | Promise<void> : undefined;

/** A handler of typed events. */
export type TypedHandler<Event> = (event: Event, delivery: Delivery) => Handled;

/** The cases of an event, each with its function. */
export type Cases<Event extends { tag: string; val?: unknown }> = {
  [Tag in Event["tag"]]?: (event: Extract<Event, { tag: Tag }>["val"], delivery: Delivery) => Handled;
};

/**
 * A handler of typed events: a function for each case of the event that the plugin handles. An event without a
 * function is logged at the level debug, and is done.
 */
export declare function plugin<Event extends { tag: string; val?: unknown }>(cases: Cases<Event>): TypedHandler<Event>;

/** A request of the sender, as bytes. */
export interface Message {
  /** The headers in their order. The names are in lower case. */
  readonly headers: { name: string; value: Uint8Array }[];
  /** The event as the sender wrote it. */
  readonly body: Uint8Array;
  /** The body as text. Throws if it is not UTF-8. */
  text(): string;
  /** The body, read as JSON. Throws if it is not JSON. */
  json(): unknown;
  /** The first value of a header. */
  header(name: string): string | undefined;
}

/** A handler of events as bytes. */
export declare function untyped(handle: (message: Message, delivery: Delivery) => Handled): UntypedHandler;
export type UntypedHandler = (message: { headers: Message["headers"]; body: Uint8Array }, delivery: Delivery) => Handled;

/** A bucket of the plugin's key-value store, with values of one type, which are stored as JSON. */
export interface Bucket<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
  delete(key: string): void;
  exists(key: string): boolean;
  /** All keys of the bucket. */
  keys(): string[];
  /** Adds to a number, and returns the new number. A key without a value begins at 0. */
  increment(key: string, by?: number): number;
  /**
   * Changes a value, and returns the new one. This is not a lock: if another attempt changes the key meanwhile, the host
   * runs the handler again from its beginning.
   */
  update(key: string, change: (value: T | undefined) => T): T;
  getBytes(key: string): Uint8Array | undefined;
  setBytes(key: string, value: Uint8Array): void;
}
export declare function bucket<T>(name: string): Bucket<T>;

/** A value of `[config]` in the settings of the plugin. */
export declare const setting: {
  (name: string): string | undefined;
  /** The value as a number. Another value is a HostError. */
  number(name: string): number | undefined;
  /** The value as `true` or `false`. Another value is a HostError. */
  boolean(name: string): boolean | undefined;
  /** The parts of the value between commas. */
  list(name: string): string[] | undefined;
};
/** All values of `[config]`. */
export declare function settings(): Record<string, string>;

/** The log of the plugin. `console` writes to it as well. Values are written as JSON on one line. */
export declare const log: Record<"trace" | "debug" | "info" | "warn" | "error", (...values: unknown[]) => void>;

/** Sends a body to a destination. Returns the id of the message. Throws a HostError if the host refuses it. */
export declare function send(destination: string, body: string | Uint8Array, orderingKey?: string): string;
/** Sends a value as JSON. */
export declare function sendJson(destination: string, value: unknown, orderingKey?: string): string;

/** The answer to the request that brought the event. */
export interface ResponseOptions {
  /** A status from 200 to 599; 200 by default. */
  status?: number;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

/**
 * Answers the request that brought the event, if its source has `ack = "responder"`. The answer is sent if the handler
 * returns, and in time. Throws a HostError if the host refuses it.
 */
export declare function respond(response: ResponseOptions): void;
/** Answers with a value as JSON. */
export declare function respondJson(value: unknown, options?: Omit<ResponseOptions, "body">): void;

export interface RequestOptions {
  /** A value that is sent as JSON. */
  json?: unknown;
  body?: string | Uint8Array;
  /** The key `idempotency-key` is added: it is the same when the attempt is made again. */
  headers?: Record<string, string>;
  /** How long the first byte of the answer may take. */
  timeout?: Duration;
}

export interface Answer {
  readonly status: number;
  /** Whether the status is 200 to 299. */
  readonly ok: boolean;
  readonly headers: [name: string, value: string][];
  readonly body: Uint8Array;
  header(name: string): string | undefined;
  text(): string;
  json(): any;
  /** Returns the answer. Throws a Retry for 408, 429 and 5xx, and a HostError for every other status from 400. */
  orRetry(): Answer;
}

type Request = (url: string, options?: RequestOptions) => Answer;

/** Requests to hosts that the plugin is granted. Throws a HostError if there is no answer. */
export declare const http: Record<"get" | "post" | "put" | "patch" | "delete", Request> & {
  request(method: string, url: string, options?: RequestOptions): Answer;
};

/** Writes an amount in minor units: `minorUnits(4998n)` is "49.98". */
export declare function minorUnits(amount: bigint | number, digits?: number): string;

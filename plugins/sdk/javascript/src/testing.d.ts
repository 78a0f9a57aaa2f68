import type { Delivery, Handled } from "./index.js";

/**
 * Reads the event of a fixture as the handler receives it. The path is relative to the plugin's folder. `edit` changes
 * the value of the event's case before the handler sees it.
 */
export declare function event(path: string, edit?: (value: any) => void): any;

export interface WorldOptions {
  /** The values of `[config]`. */
  settings?: Record<string, string>;
  /** The stored values, by bucket and key. */
  store?: Record<string, Record<string, unknown>>;
  /** The granted destinations. Without them, every destination is granted. */
  destinations?: string[];
  /** Answers to requests, by method and URL, such as `"GET https://api.example.com/v1"`. Other requests are refused. */
  http?: Record<string, { status?: number; headers?: Record<string, string>; json?: unknown; body?: string }>;
  /** Whether the source asks for a response; it does unless this is `false`. */
  asksResponse?: boolean;
  /** Facts about the event that differ from those of the tests. */
  delivery?: Partial<Delivery>;
}

/** A message of a run that succeeded: a typed event, or a body. */
export interface Sent {
  destination: string | undefined;
  /** The name of the function that sent the event, such as `offerAccepted`. */
  event?: string;
  payload?: any;
  body?: string;
  orderingKey?: string;
}

/** The response of a run that succeeded. The names of its headers are in lower case. */
export interface Responded {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Stands for the host. */
export interface World {
  /** Runs a handler. Whatever it throws is thrown, and its effects are dropped. */
  run<Event>(handler: (event: Event, delivery: Delivery) => Handled, event: Event): Handled;
  readonly store: Record<string, Record<string, any>>;
  readonly settings: Record<string, string>;
  readonly sent: Sent[];
  /** The response of the last run. */
  readonly response: Responded | undefined;
  readonly log: { level: string; text: string }[];
}

export declare function world(options?: WorldOptions): World;

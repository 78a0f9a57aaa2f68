// Requests to hosts that the plugin is granted. They wait for the answer, in both engines.
import { exchange } from "./exchange.js";
import { offered, requestKey } from "./host.js";
import { HostError, Retry, milliseconds } from "./outcome.js";
import { decode, encode } from "./text.js";

export const http = {
  get: (url, options) => request("GET", url, options),
  post: (url, options) => request("POST", url, options),
  put: (url, options) => request("PUT", url, options),
  patch: (url, options) => request("PATCH", url, options),
  delete: (url, options) => request("DELETE", url, options),
  request,
};

function request(method, url, { json, body, headers = {}, timeout } = {}) {
  const all = new Map(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]));
  const key = requestKey();
  if (!all.has("idempotency-key")) all.set("idempotency-key", key);
  if (json !== undefined && !all.has("content-type")) all.set("content-type", "application/json");

  const content = json === undefined ? (body ?? "") : JSON.stringify(json);
  const send = offered("hookyard:sdk/exchange")?.exchange ?? exchange;
  const answer = send({
    method,
    url,
    headers: [...all],
    body: typeof content === "string" ? encode(content) : content,
    timeout: timeout === undefined ? undefined : milliseconds(timeout),
  });
  return new Answer(`${method} ${url}`, answer);
}

class Answer {
  #request;

  constructor(request, { status, headers, body }) {
    this.#request = request;
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  text() {
    return decode(this.body);
  }

  json() {
    return JSON.parse(this.text());
  }

  header(name) {
    return this.headers.find(([known]) => known.toLowerCase() === name.toLowerCase())?.[1];
  }

  /** Returns the answer if it is a success. Throws a Retry for 408, 429 and 5xx, and a HostError for other statuses. */
  orRetry() {
    const reason = `http: ${this.#request}: status ${this.status}`;
    if (this.status === 408 || this.status === 429 || this.status >= 500) {
      const seconds = Number(this.header("retry-after"));
      throw new Retry(reason, { after: seconds > 0 ? seconds * 1000 : undefined });
    }
    if (this.status >= 400) throw new HostError(reason);
    return this;
  }
}

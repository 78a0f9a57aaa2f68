// One request by wasi:http, which is the only way of QuickJS and works in StarlingMonkey as well.
import { call, close, engine } from "./host.js";
import { HostError } from "./outcome.js";
import { decode, encode } from "./text.js";

const CHUNK = 4096;

export function exchange(request) {
  const place = `http: ${request.method} ${request.url}`;
  return call("wasi:http/types", (types) => {
    const outgoing = prepared(types, request, place);
    const body = outgoing.body();
    const future = call("wasi:http/outgoing-handler", (handler) => handler.handle(outgoing, options(types, request)), place);
    write(types, body, request.body);
    return read(types, awaited(future, place));
  }, place);
}

function prepared(types, { method, url, headers }, place) {
  const [, scheme, authority, path] = /^(https?):\/\/([^/?#]+)([^#]*)/.exec(url) ?? [];
  if (!authority) throw new HostError(`${place}: not a URL that begins with http:// or https://`);

  const fields = types.Fields.fromList(headers.map(([name, value]) => [name, encode(value)]));
  const outgoing = new types.OutgoingRequest(fields);
  outgoing.setMethod({ tag: method.toLowerCase() });
  outgoing.setScheme({ tag: scheme.toUpperCase() });
  outgoing.setAuthority(authority);
  outgoing.setPathWithQuery(path.startsWith("/") ? path : `/${path}`);
  return outgoing;
}

function options(types, { timeout }) {
  if (timeout === undefined) return undefined;
  const made = new types.RequestOptions();
  made.setFirstByteTimeout(engine.integer(timeout * 1_000_000));
  return made;
}

function write(types, body, bytes) {
  const stream = body.write();
  for (let at = 0; at < bytes.length; at += CHUNK) stream.blockingWriteAndFlush(bytes.subarray(at, at + CHUNK));
  close(stream);
  types.OutgoingBody.finish(body, undefined);
}

function awaited(future, place) {
  const pollable = future.subscribe();
  pollable.block();
  close(pollable);

  const { val: result } = future.get(); // ok, because it is asked for once
  close(future);
  if (result.tag === "err") throw new HostError(`${place}: ${result.val.tag}`);
  return result.val;
}

function read(types, response) {
  const status = response.status();
  const fields = response.headers();
  const headers = fields.entries().map(([name, value]) => [name, decode(value)]);
  close(fields);

  const body = response.consume();
  const stream = body.stream();
  const chunks = [];
  try {
    for (;;) chunks.push(stream.blockingRead(engine.integer(65_536)));
  } catch (error) {
    if (error?.payload?.tag !== "closed") throw error;
  }
  close(stream);
  close(types.IncomingBody.finish(body));
  close(response);
  return { status, headers, body: joined(chunks) };
}

function joined(chunks) {
  const bytes = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

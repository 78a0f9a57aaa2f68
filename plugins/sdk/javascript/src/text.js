// UTF-8. QuickJS has no TextEncoder, and a loop over characters takes half a second for 1 MB there. Its base64 and
// URI functions are native: 1 MB takes about 50 ms.

const encoder = globalThis.TextEncoder && new globalThis.TextEncoder();
const decoder = globalThis.TextDecoder && new globalThis.TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function encode(text) {
  if (encoder) return encoder.encode(text);
  return Uint8Array.fromBase64(btoa(unescape(encodeURIComponent(text.toWellFormed()))));
}

/** Throws if the bytes are not UTF-8. */
export function decode(bytes) {
  if (decoder) return decoder.decode(bytes);
  return decodeURIComponent(escape(atob(bytes.toBase64())));
}

// What the engines lack. The component loads this file first, so that npm packages find it.
import { engine, offered } from "./host.js";
import { levelledConsole } from "./log.js";
import { HostError } from "./outcome.js";
import { decode, encode } from "./text.js";

globalThis.console = { ...globalThis.console, ...levelledConsole };

globalThis.TextEncoder ??= class TextEncoder {
  encoding = "utf-8";

  encode(text = "") {
    return encode(String(text));
  }
};

globalThis.TextDecoder ??= class TextDecoder {
  encoding = "utf-8";

  decode(bytes = new Uint8Array()) {
    return decode(ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes));
  }
};

globalThis.crypto ??= {
  getRandomValues(array) {
    const bytes = offered("wasi:random/random").getRandomBytes(engine.integer(array.byteLength));
    new Uint8Array(array.buffer, array.byteOffset, array.byteLength).set(bytes);
    return array;
  },

  randomUUID() {
    const bytes = this.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  },
};

// StarlingMonkey only. A partner that does not answer is not a fault of the plugin, so the host tries again.
const { fetch } = globalThis;
if (fetch) {
  globalThis.fetch = async (input, init) => {
    try {
      return await fetch(input, init);
    } catch (error) {
      throw new HostError(`fetch ${input?.url ?? input}: ${error.message}`);
    }
  };
}

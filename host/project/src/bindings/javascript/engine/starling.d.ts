/// <reference lib="dom" />
import "@hookyard/sdk";

declare module "@hookyard/sdk" {
  interface Engine {
    async: true;
  }
}

// Gives the handler its name in the component model, which AssemblyScript cannot spell. asc loads this file by
// `--transform`.

import { Transform } from "assemblyscript/transform";

export default class Exports extends Transform {
  afterCompile(module) {
    module.removeExport("handle");
    module.addFunctionExport("src/handler/handle", "topi-saas:webhooks/handler@1.0.0#handle");
  }
}

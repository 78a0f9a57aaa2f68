// A real host in a temporary folder, with three plugins and two sources of CloudEvents.
import { spawn } from "node:child_process";
import { copyFile, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export const TOKEN = "a-token-of-more-than-128-bits-7f3c";
const SENDER = "the-token-of-the-sender";

export class Host {
  /** Starts a host. `token` is the admin token, or null for a listener that is open on loopback. */
  static async start({ token = null } = {}) {
    const host = new Host();
    host.folder = await mkdtemp(join(tmpdir(), "hookyard-dashboard-"));
    host.receiver = createServer((request, answer) => {
      request.resume();
      answer.statusCode = request.url === "/gone" ? 410 : 204;
      answer.end();
    }).listen(0, "127.0.0.1");
    await once(host.receiver, "listening");
    await host.#write(token);
    await host.serve();
    return host;
  }

  async #write(token) {
    const receiver = `http://127.0.0.1:${this.receiver.address().port}`;
    const destination = (name, path) => `
[tenants.acme.destinations.${name}]
url = "${receiver}${path}"
allow_http = true
addresses = ["127.0.0.1"]
secrets = [{ file = "destination.secret" }]
`;
    await mkdir(join(this.folder, "plugins/acme"), { recursive: true });
    await writeFile(join(this.folder, "sender.secret"), SENDER);
    await writeFile(join(this.folder, "admin.secret"), token ?? "");
    await writeFile(join(this.folder, "destination.secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    await writeFile(join(this.folder, "plugins/acme/forwarder.toml"), '[grants]\ndestinations = ["partner", "old"]\n');
    for (const plugin of ["forwarder", "books"]) await this.drop(plugin, plugin === "books" ? "untyped_echo" : plugin);
    await writeFile(join(this.folder, "hookyard.toml"), `
[ingress]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
${token === null ? "" : 'token = { file = "admin.secret" }'}
[store]
url = "sqlite:hookyard.db"
[plugins]
folder = "plugins"
settle = "50ms"
removal = "200ms"
[retry]
attempts_max = 2
delay_first = "50ms"
delay_max = "100ms"
[quarantine]
enabled = false
[tenants.acme.sources.offers]
provider = "cloudevents"
secrets = [{ file = "sender.secret" }]
[tenants.acme.sources.orders]
provider = "cloudevents"
secrets = [{ file = "sender.secret" }]
${destination("partner", "/hooks")}${destination("old", "/gone")}`);
  }

  /** Runs the host until it listens. */
  async serve() {
    this.child = spawn(process.env.HOOKYARD_BIN, ["serve", "--log", "json", "--config", join(this.folder, "hookyard.toml")], { stdio: ["ignore", "pipe", "pipe"] });
    const log = [];
    const listening = new Promise((listens, fails) => {
      const read = (line) => {
        log.push(line);
        const { target, address, message } = parsed(line);
        if (target === "hookyard::admin" && address) this.admin = `http://${address}`;
        if (message === "listening") { this.ingress = `http://${address}`; listens(); }
      };
      createInterface({ input: this.child.stdout }).on("line", read);
      createInterface({ input: this.child.stderr }).on("line", read);
      this.child.once("exit", (code) => fails(new Error(`the host ended with ${code}:\n${log.slice(-20).join("\n")}`)));
    });
    await listening;
    // Events get jobs for the plugins that are active.
    const isActive = () => log.filter((line) => parsed(line).message === "plugin active").length >= 2;
    await eventually("the plugins", isActive);
  }

  /** Puts a guest into the plugin folder, as an operator does. */
  async drop(plugin, guest) {
    const aside = join(this.folder, `${plugin}.aside`);
    await copyFile(join(process.env.HOOKYARD_GUESTS, `${guest}.wasm`), aside);
    await rename(aside, join(this.folder, `plugins/acme/${plugin}.wasm`));
  }

  /** Sends an event. Returns its key. */
  async send(body, { source = "offers", type = "offer.accepted", id = crypto.randomUUID(), token = SENDER } = {}) {
    const answer = await fetch(`${this.ingress}/acme/${source}`, {
      method: "POST",
      headers: {
        authorization: `Bearer ${token}`, "content-type": "application/json",
        "ce-specversion": "1.0", "ce-id": id, "ce-type": type, "ce-source": "/tests",
      },
      body,
    });
    await answer.arrayBuffer();
    return { status: answer.status, id };
  }

  async kill() {
    this.child.removeAllListeners("exit");
    const ended = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await ended;
  }

  async stop() {
    this.child.removeAllListeners("exit");
    const ended = once(this.child, "exit");
    this.child.kill("SIGTERM");
    await ended;
    this.receiver.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}

function parsed(line) {
  try {
    const { target, fields = {}, ...rest } = JSON.parse(line);
    return { target, ...rest, ...fields };
  } catch { return {}; }
}

/** Asks until the answer is true, for at most 20 s. */
export async function eventually(what, ask) {
  for (const until = Date.now() + 20_000; Date.now() < until;) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((go) => setTimeout(go, 50));
  }
  throw new Error(`waited for ${what}`);
}

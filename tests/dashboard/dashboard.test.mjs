// The dashboard in a real browser, on a real host: HOOKYARD_BIN is the binary, HOOKYARD_GUESTS the folder of the
// compiled guests, CHROMIUM the browser. Each page is also checked by axe. A violation of the page's policy and an
// error on the console fail the test.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";
import { Host, TOKEN, eventually } from "./host.mjs";

const HOSTILE = '</script><img src=x onerror=alert(1)>';
const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = process.env.HOOKYARD_SCREENSHOTS;

let browser, host;
before(async () => {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
  host = await Host.start();
  for (let number = 0; number < 12; number += 1) await host.send(JSON.stringify({ number, forward_to: number % 3 ? "" : "partner" }));
});
after(async () => { await browser?.close(); await host?.stop(); });

/** Opens a page whose console must stay without errors. */
async function open(path, options = {}) {
  const { at = host, allowed = [], ...context } = options;
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 }, ...context })).newPage();
  page.faults = [];
  page.on("console", (line) => {
    const isAllowed = allowed.some((text) => line.text().includes(text));
    if (line.type() === "error" && !isAllowed) page.faults.push(line.text());
  });
  page.on("pageerror", (error) => page.faults.push(error.message));
  page.on("dialog", (dialog) => { page.faults.push("a dialog opened"); dialog.dismiss(); });
  await page.goto(at.admin + path);
  return page;
}

async function close(page) {
  assert.deepEqual(page.faults, []);
  await page.context().close();
}

/** Returns the rules of WCAG 2.2 AA that the page breaks. */
async function broken(page) {
  // axe runs outside the page's policy, through the protocol of the browser.
  const frame = await page.context().newCDPSession(page);
  await frame.send("Runtime.evaluate", { expression: axe });
  const { result } = await frame.send("Runtime.evaluate", {
    expression: `axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"] }).then((found) => found.violations.map(({ id, nodes }) => id + ": " + nodes.slice(0, 3).map(({ html }) => html).join(" ")))`,
    awaitPromise: true, returnByValue: true,
  });
  return result.value;
}

const rows = (page) => page.locator("[data-rows] tbody tr");
/** The idempotency key of an event of CloudEvents. */
const keyOf = (id) => `/tests#${id}`;

/** Returns the path of the page of an event that is stored. */
async function eventOf(id) {
  const found = await fetch(`${host.admin}/find?q=${encodeURIComponent(keyOf(id))}`, { redirect: "manual" });
  const path = found.headers.get("location");
  assert.match(path, /^\/events\//);
  return path;
}

async function pages() {
  const { id } = await host.send(JSON.stringify({ forward_to: "partner" }));
  const event = await eventOf(id);
  const message = await eventually("the message", async () => {
    const html = await (await fetch(host.admin + event)).text();
    return html.match(/\/messages\/[0-9a-f-]{36}/)?.[0];
  });
  return {
    live: "/", filtered: "/?source=offers&state=done", event, hex: `${event}?form=hex`, plugins: "/plugins",
    plugin: "/plugins/acme/forwarder", sources: "/sources", source: "/sources/acme/offers", deliveries: "/deliveries",
    message, audit: "/audit", replay: "/replay/events?source=offers", login: "/login",
  };
}

test("each page passes axe, fits a phone and needs no script", async () => {
  for (const [name, path] of Object.entries(await pages())) {
    for (const [look, options] of Object.entries({
      light: { colorScheme: "light" },
      dark: { colorScheme: "dark" },
      phone: { viewport: { width: 390, height: 844 }, hasTouch: true },
      plain: { javaScriptEnabled: false },
    })) {
      const page = await open(path, options);
      const [wide, seen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(wide <= seen, `${name} (${look}) is ${wide} px wide`);
      assert.equal(await page.locator("h1").count(), 1, name);
      if (look !== "plain") assert.deepEqual(await broken(page), [], `${name} (${look})`);
      if (shots) await page.screenshot({ path: `${shots}/${name}-${look}.png` });
      await close(page);
    }
  }
});

test("an event appears by itself, at the top", async () => {
  const page = await open("/");
  const { id } = await host.send("{}", { type: "just.now" });
  await rows(page).first().getByText("just.now").waitFor({ timeout: 6000 });
  const event = await eventOf(id);
  assert.equal(await rows(page).first().locator("a").getAttribute("href"), event);
  await close(page);
});

test("nothing moves while the viewer reads below or has paused", async () => {
  const page = await open("/");
  await page.keyboard.press("j");
  const before = await rows(page).first().textContent();
  await host.send("{}", { type: "while.reading" });
  await page.locator("#new:not([hidden])").waitFor({ timeout: 6000 });
  assert.equal(await rows(page).first().textContent(), before);
  await page.keyboard.press("n");
  await rows(page).first().getByText("while.reading").waitFor();

  await page.keyboard.press("p");
  await page.getByText("nothing moves").waitFor();
  await host.send("{}", { type: "while.paused" });
  await page.waitForTimeout(5000);
  assert.equal(await page.getByText("while.paused").count(), 0);
  await page.keyboard.press("p");
  await page.locator("#new:not([hidden])").waitFor({ timeout: 6000 });
  await close(page);
});

test("a page reports a host that does not answer", async () => {
  const own = await Host.start();
  try {
    await own.send("{}");
    const page = await open("/", { at: own, allowed: ["ERR_CONNECTION", "Failed to load resource"] });
    await own.kill();
    await page.getByText("not live since").waitFor({ timeout: 8000 });
    await close(page);
  } finally {
    await own.serve();
    await own.stop();
  }
});

test("hostile texts are shown and never run", async () => {
  const { id } = await host.send(JSON.stringify({ text: HOSTILE, number: 1 }).replace("1}", "1234567890123456789012345678901234567890}"), { type: HOSTILE, id: HOSTILE });
  assert.equal(id, HOSTILE);
  for (const path of ["/", await eventOf(HOSTILE)]) {
    const page = await open(path);
    await page.getByText(HOSTILE).first().waitFor();
    assert.equal(await page.locator("img").count(), 0);
    if (path !== "/") await page.locator("pre", { hasText: "1234567890123456789012345678901234567890" }).waitFor();
    await close(page);
  }
});

test("a large body does not fill the page, and its download is whole", async () => {
  const body = JSON.stringify({ text: "é".repeat(400_000) });
  const { id } = await host.send(body);
  const event = await eventOf(id);
  const html = await (await fetch(host.admin + event)).text();
  assert.ok(html.length < 300_000, `${html.length}`);
  assert.equal(await (await fetch(`${host.admin}${event}/body`)).text(), body);
});

test("a filter survives reload, back and a link; an id and a key are found", async () => {
  const { id } = await host.send("{}", { source: "orders", type: "order.paid" });
  const event = await eventOf(id);
  const page = await open("/");
  await page.getByLabel("Source").fill("orders");
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL(/source=orders/);
  await page.reload();
  assert.equal(await page.getByLabel("Source").inputValue(), "orders");
  assert.equal(await rows(page).count(), 1);
  await rows(page).first().locator("a").click();
  await page.waitForURL(host.admin + event);
  await page.goBack();
  assert.equal(await rows(page).count(), 1);

  await page.keyboard.press("/");
  await page.keyboard.type(keyOf(id));
  await page.keyboard.press("Enter");
  await page.waitForURL(host.admin + event);
  await close(page);
});

test("events run again by the keyboard, once for a double click", async () => {
  const { id } = await host.send("{}", { type: "run.again" });
  const event = await eventOf(id);
  const page = await open(event);
  await page.keyboard.press("r");
  await page.waitForURL(/\/replay\/events\?id=/);
  await page.getByRole("button", { name: /Run 2 jobs again/ }).dblclick();
  await page.getByText("The selected events run again.").waitFor();
  await page.goto(host.admin + event);
  await page.getByText("replayed once").first().waitFor();
  assert.equal(await page.getByText("replayed 2 times").count(), 0);
  await page.goto(`${host.admin}/audit`);
  await page.getByText("event.replay").first().waitFor();
  await close(page);
});

test("more events than were confirmed run nothing", async () => {
  await host.send("{}", { type: "counted" });
  const page = await open("/replay/events?type=counted", { allowed: ["409"] });
  await host.send("{}", { type: "counted" });
  await page.getByRole("button", { name: /again/ }).click();
  await page.getByText("Nothing ran").waitFor();
  await page.getByRole("button", { name: /Run 4 jobs again/ }).click();
  await page.getByText("The selected events run again.").waitFor();
  await close(page);
});

test("a bad plugin is seen, rolled back, pinned, unpinned and cleared", async () => {
  const page = await open("/plugins/acme/books");
  const active = () => page.locator("#standing dd.mono").first().textContent();
  const good = await active();
  await host.drop("books", "version_b");
  await eventually("the new revision", async () => {
    await page.reload();
    return await active() !== good;
  });
  const form = (name) => page.locator("form.card", { has: page.getByRole("heading", { name, exact: true }) });
  await form("Roll back").getByRole("button").click();
  await page.getByText("The plugin is rolled back.").waitFor();
  await eventually("the rollback", async () => { await page.reload(); return await active() === good; });
  await page.getByText("rolled back by hand").first().waitFor();

  await form("Pin").getByRole("button", { name: "Pin", exact: true }).click();
  await page.getByText("The plugin is pinned.").waitFor();
  await form("Pin").getByRole("button", { name: "Unpin" }).click();
  await page.getByText("The pin is ended.").waitFor();
  await form("Clear").getByRole("button").click();
  await page.getByText("The quarantine and the blocks are ended.").waitFor();

  await page.goto(`${host.admin}/audit`);
  for (const action of ["plugin.rollback", "plugin.pin", "plugin.unpin", "plugin.clear"]) {
    await page.getByText(action).first().waitFor();
  }
  await close(page);
});

test("a destination that is gone is disabled, and enabled again", async () => {
  await host.send(JSON.stringify({ forward_to: "old" }));
  const page = await open("/deliveries");
  await eventually("the disabling", async () => {
    await page.reload();
    return await page.getByRole("button", { name: "Enable" }).count() === 1;
  });
  if (shots) await page.screenshot({ path: `${shots}/deliveries-gone.png` });
  await page.getByRole("button", { name: "Enable" }).click();
  await page.getByText("The destination is enabled").waitFor();
  await close(page);
});

test("the token signs in, wrong tokens wait, and signing out ends the session", async () => {
  const own = await Host.start({ token: TOKEN });
  try {
    const page = await open("/plugins", { at: own, allowed: ["401", "429"] });
    await page.waitForURL(/\/login\?next=%2Fplugins/);
    const sign = async (token) => {
      await page.getByLabel("Your token").fill(token);
      await page.getByRole("button", { name: "Sign in" }).click();
    };
    await sign("wrong");
    await page.getByText("This token is not right.").waitFor();
    await sign(TOKEN);
    await page.waitForURL(`${own.admin}/plugins`);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.waitForURL(/\/login/);
    for (let tries = 0; tries < 4; tries += 1) { await sign("wrong"); await page.getByText("not right").waitFor(); }
    await sign(TOKEN);
    await page.getByText("Try again in a minute").waitFor();
    if (shots) await page.screenshot({ path: `${shots}/login-429.png` });
    await close(page);
  } finally { await own.stop(); }
});

test("a rebound name and a form of another origin are refused", async () => {
  const ask = (headers) => fetch(`${host.admin}/plugins/acme/books/clear`, { method: "POST", headers, redirect: "manual" });
  assert.equal((await ask({ origin: "http://evil.example" })).status, 403);
  assert.equal((await ask({})).status, 403);
  assert.equal((await ask({ "sec-fetch-site": "cross-site" })).status, 403);
});

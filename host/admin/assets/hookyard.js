// The script of the dashboard. Every page works without it. It follows the host's events, patches what
// changed, and adds keys, local time and copying. It never acts on the host by itself.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const policy = window.trustedTypes?.createPolicy("hookyard", { createHTML: (html) => html });
  const parse = (html) =>
    new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
  const stored = {
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* the page does without */ } },
  };

  // Times: UTC as the host writes them, or the zone of the viewer.
  let isLocal = stored.get("zone") === "local";
  const two = (number) => String(number).padStart(2, "0");
  function showTimes(root = document) {
    for (const time of all("time[datetime]", root)) {
      time.dataset.utc ??= time.textContent;
      const at = new Date(time.dateTime);
      if (!isLocal || Number.isNaN(at.getTime())) { time.textContent = time.dataset.utc; continue; }
      const date = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} `;
      const clock = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
      const more = time.dataset.utc.includes(".") ? `.${String(at.getMilliseconds()).padStart(3, "0")}` : "";
      time.textContent = (time.dataset.format === "full" ? date : "") + clock + more;
    }
    for (const zone of all("[data-zone]")) zone.textContent = isLocal ? "local" : "UTC";
  }

  // Live: while the tab is visible, the page asks for itself again and patches what differs. Rows
  // change in place. New rows wait for the viewer unless he is at the top.
  const INTERVAL = 2000;
  const live = { isPaused: false, isCut: false, since: null, waiting: [], at: Date.now() };
  const mark = byId("live");
  const text = byId("live-text");

  function say(word, more, state) {
    if (!mark) return;
    mark.hidden = false;
    mark.className = `live${state ? ` is-${state}` : ""}`;
    mark.querySelector("b").textContent = word;
    text.textContent = more;
  }
  function cutOff() {
    if (!live.isCut) live.since = new Date();
    live.isCut = true;
    const { since } = live;
    const clock = `${two(since.getHours())}:${two(since.getMinutes())}:${two(since.getSeconds())}`;
    say(`not live since ${clock}`, "trying again", "off");
  }
  async function refresh() {
    if (live.isPaused || document.hidden) return;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, redirect: "error", signal: AbortSignal.timeout(10000) });
      if (!answer.ok) throw new Error(answer.status);
      const fresh = parse(await answer.text());
      if (live.isPaused) return;
      patch(fresh);
      live.isCut = false;
      say("LIVE", "");
    } catch { cutOff(); }
  }
  async function keepUp() {
    for (;;) {
      await new Promise((go) => setTimeout(go, INTERVAL));
      await refresh();
    }
  }
  function patch(fresh) {
    for (const part of all("[data-patch]")) {
      const next = fresh.getElementById(part.id);
      const inUse = part.contains(document.activeElement) && document.activeElement !== document.body;
      if (next && next.innerHTML !== part.dataset.was && !inUse) {
        part.dataset.was = next.innerHTML;
        part.replaceWith(imported(next));
      }
    }
    patchRows(fresh);
    showTimes();
  }
  const imported = (element) => document.importNode(element, true);
  function patchRows(fresh) {
    const now = all("[data-rows] tbody tr", fresh);
    const table = document.querySelector("[data-rows] tbody");
    if (!table) { if (now.length && byId("rows-empty")) location.reload(); return; }
    const added = [];
    for (const row of now) {
      const old = row.id && byId(row.id);
      if (!old) added.push(row);
      else if (old.innerHTML !== row.innerHTML && !old.contains(document.activeElement)) {
        const next = imported(row);
        if (old.ariaSelected) next.ariaSelected = old.ariaSelected;
        old.replaceWith(next);
      }
    }
    if (new URLSearchParams(location.search).has("cursor")) return;
    live.waiting = added;
    if (scrollY < 80 && !table.querySelector("[aria-selected=true]")) showNew(false);
    offerNew();
  }
  function offerNew() {
    const button = byId("new");
    if (!button) return;
    const count = live.waiting.length;
    button.hidden = count === 0;
    button.textContent = `${count}${count >= 50 ? " or more" : ""} new above`;
  }
  function showNew(isAsked) {
    const table = document.querySelector("[data-rows] tbody");
    const rows = live.waiting.map(imported);
    live.waiting = [];
    for (const row of rows) row.classList.add("is-new");
    table.prepend(...rows);
    for (const row of [...table.rows].slice(200)) row.remove();
    setTimeout(() => rows.forEach((row) => row.classList.remove("is-new")), 2000);
    if (isAsked) { scrollTo({ top: 0 }); offerNew(); showTimes(); }
  }
  function pause() {
    live.isPaused = !live.isPaused;
    byId("pause").textContent = live.isPaused ? "Go on" : "Pause";
    if (live.isPaused) say("paused", "nothing moves", "paused");
    else { say("LIVE", ""); refresh(); }
  }
  function start() {
    if (!("live" in document.body.dataset)) return;
    say("LIVE", "");
    if (byId("pause")) { byId("pause").hidden = false; byId("pause").onclick = pause; }
    if (byId("new")) byId("new").onclick = () => showNew(true);
    document.addEventListener("visibilitychange", refresh);
    keepUp();
  }

  // Keys.
  const places = { l: "/", p: "/plugins", s: "/sources", d: "/deliveries", a: "/audit" };
  let isAfterG = false;
  let failed = -1;
  function select(step) {
    const rows = all("[data-rows] tbody tr");
    if (!rows.length) return;
    const at = rows.findIndex((row) => row.ariaSelected === "true");
    const next = Math.min(rows.length - 1, Math.max(0, at + step));
    if (at >= 0) rows[at].ariaSelected = null;
    rows[next].ariaSelected = "true";
    rows[next].querySelector("a[data-open]")?.focus({ preventScroll: true });
    rows[next].scrollIntoView({ block: "nearest" });
  }
  function nextFailed() {
    const attempts = all("[data-failed]");
    if (!attempts.length) return;
    failed = (failed + 1) % attempts.length;
    attempts[failed].focus();
    attempts[failed].scrollIntoView({ block: "center" });
  }
  const follow = (selector) => document.querySelector(selector)?.click();
  const keys = {
    "/": () => byId("find")?.focus(),
    "?": () => byId("keys").showModal(),
    g: () => { isAfterG = true; setTimeout(() => { isAfterG = false; }, 1500); },
    j: () => select(1),
    k: () => select(-1),
    "[": () => follow("a[rel=prev]"),
    "]": () => follow("a[rel=next]"),
    ".": nextFailed,
    p: () => follow("#pause"),
    n: () => follow("#new:not([hidden])"),
    r: () => follow("a[data-replay]"),
    c: () => follow("[data-copy]"),
    u: () => { isLocal = !isLocal; stored.set("zone", isLocal ? "local" : "utc"); showTimes(); },
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { all("tr[aria-selected]").forEach((row) => { row.ariaSelected = null; }); return; }
    if (stored.get("keys") === "off" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, dialog[open]")) return;
    const place = isAfterG && places[event.key];
    isAfterG = false;
    if (place) { location.assign(place); return; }
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });

  // Copying, sending a form only once, and dropping a file.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try { await navigator.clipboard.writeText(button.dataset.copy || location.href); } catch { return; }
    button.classList.add("is-done");
    button.title = "Copied";
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.isSent) { event.preventDefault(); return; }
    form.dataset.isSent = "yes";
    form.querySelector("button")?.setAttribute("aria-busy", "true");
    setTimeout(() => { delete form.dataset.isSent; form.querySelector("button")?.removeAttribute("aria-busy"); }, 10000);
  });
  addEventListener("pageshow", () => all("form").forEach((form) => delete form.dataset.isSent));

  const off = byId("keys-off");
  if (off) {
    off.checked = stored.get("keys") === "off";
    off.onchange = () => stored.set("keys", off.checked ? "off" : "on");
  }
  const filtering = document.querySelector("details.filtering");
  if (filtering && matchMedia("(max-width: 760px)").matches) filtering.open = false;
  all("[data-copy]").forEach((button) => { button.hidden = false; });
  showTimes();
  start();
})();

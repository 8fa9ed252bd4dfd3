// Keeps the page's parts as the hub sees them: told by server-sent events, and asked now and then in any case.

import { fragment } from "/static/http.js";

const PARTS = ["clusters", "slots", "journal", "hub"];
const ASK_EVERY_MS = 20000;
const ASK_WITHOUT_EVENTS_MS = 5000;
const GATHER_MS = 300;

const shownParts = new Map();

export function watch() {
  let pending = null;
  let running = false;
  let told = false;

  async function refresh() {
    if (running) return soon();
    running = true;
    try {
      for (const name of PARTS) replace(name, await fragment(`/part/${name}`));
      notice(true);
    } catch {
      notice(false);
    } finally {
      running = false;
    }
  }

  function soon() {
    pending ??= setTimeout(() => { pending = null; refresh(); }, GATHER_MS);
  }

  const events = new EventSource("/api/events");
  events.addEventListener("fleet", () => { told = true; soon(); });
  events.addEventListener("error", () => { told = false; soon(); });
  let asked = performance.now();
  setInterval(() => {
    const wait = told ? ASK_EVERY_MS : ASK_WITHOUT_EVENTS_MS;
    if (document.hidden || performance.now() - asked < wait) return;
    asked = performance.now();
    soon();
  }, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) soon(); });
  return soon;
}

function replace(name, html) {
  const part = document.getElementById(`part-${name}`);
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  if (shownParts.get(name) === html) return;
  shownParts.set(name, html);
  const open = new Set([...part.querySelectorAll("details[open]")].map((one) => one.id));
  part.innerHTML = html;
  for (const one of part.querySelectorAll("details")) one.open = open.has(one.id);
  if (focused) document.getElementById(focused)?.focus();
  const summary = part.querySelector("[data-summary]");
  const shown = document.getElementById("summary");
  if (summary && shown.textContent !== summary.textContent) shown.textContent = summary.textContent;
}

function notice(reached) {
  document.getElementById("link").hidden = reached;
}

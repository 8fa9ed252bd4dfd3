// The form that plans or changes a slot: shows who would sound when, and plans it once a person has confirmed.

import { ask } from "/static/ask.js";
import { call, show, texts } from "/static/http.js";
import { fromLocal, now, toLocal, words } from "/static/moments.js";

const SHOWN_STARTS = 8;
const NOW_DELAY_MS = 5000;

const form = document.getElementById("schedule");
const fields = form.elements;
const error = form.querySelector(".error");
const done = form.querySelector(".done");
const go = document.getElementById("schedule-go");

export function prepareSchedule(refresh) {
  let changed = null; // the slot that is being changed, with what the form has no field for

  form.addEventListener("change", adapt);
  document.getElementById("more-times").addEventListener("click", () => addTime("").focus());
  document.getElementById("edit-end").addEventListener("click", () => end());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    show(error, "");
    show(done, "");
    go.disabled = true;
    try {
      await plan();
    } catch (refusal) {
      show(error, refusal.message);
    } finally {
      go.disabled = false;
    }
  });

  async function plan() {
    const order = read(changed?.order);
    const seen = await call("POST", "/api/slots/preview", order);
    if (!(await ask(question(order, seen)))) return;
    if (fields.kind.value === "now") order.when = startingNow();
    const made = changed
      ? await call("PUT", `/api/slots/${changed.slot}`, order)
      : await call("POST", "/api/slots", order);
    end();
    show(done, `${texts.planned} ${texts.plan_sent} ${made.clusters_changed.length}${lostAmong(made.clusters_changed)}`);
    refresh();
  }

  function end() {
    changed = null;
    form.querySelector(".editing").hidden = true;
    go.textContent = texts.preview;
    show(error, "");
  }

  function edit(slot, order, when) {
    changed = { slot, order };
    form.querySelector(".editing").hidden = false;
    go.textContent = texts.save;
    show(done, "");
    write(order, when);
    adapt();
    form.scrollIntoView({ block: "start" });
    fields.bulletin.focus({ preventScroll: true });
  }

  function offer(bulletin, length) {
    const option = new Option(`${bulletin.title} (${length})`, bulletin.id, true, true);
    option.dataset.sound = bulletin.sha256;
    fields.bulletin.prepend(option);
    fields.bulletin.value = bulletin.id;
    adapt();
  }

  suggestTime();
  adapt();
  return { edit, offer };
}

function adapt() {
  for (const part of form.querySelectorAll("[data-kind]")) part.hidden = part.dataset.kind !== fields.kind.value;
  document.getElementById("cluster-names").hidden = fields.all.checked;
  const { value: date } = fields.date;
  document.getElementById("reading").textContent = date && fields.time.value
    ? `→ ${words(fromLocal(date, fields.time.value))}` : "";
  const sound = fields.bulletin.selectedOptions[0]?.dataset.sound;
  const listen = document.getElementById("listen");
  const address = sound ? `/media/${sound}` : "";
  listen.hidden = !sound;
  if (listen.getAttribute("src") !== address) listen.setAttribute("src", address);
}

function suggestTime() {
  const soon = toLocal(new Date(now().getTime() + 3600 * 1000));
  fields.date.value = soon.slice(0, 10);
  fields.time.value = `${soon.slice(11, 13)}:00`;
  for (const input of times()) input.value ||= "17:00";
}

function read(before) {
  const clusters = fields.all.checked ? "all" : checked("clusters");
  if (!fields.bulletin.value) throw new Error(texts.choose_bulletin);
  if (clusters.length === 0) throw new Error(texts.choose_clusters);
  return {
    ...before,
    bulletin: fields.bulletin.value,
    when: readWhen(),
    clusters,
    in_quiet_hours: fields.in_quiet_hours?.checked ?? false,
  };
}

function readWhen() {
  if (fields.kind.value === "now") return startingNow();
  if (fields.kind.value === "once") {
    if (!fields.date.value || !fields.time.value) throw new Error(texts.choose_time);
    return { kind: "once", at: fromLocal(fields.date.value, fields.time.value) };
  }
  const days = checked("days").map(Number);
  const chosen = times().map((input) => input.value).filter(Boolean);
  if (days.length === 0) throw new Error(texts.choose_days);
  if (chosen.length === 0) throw new Error(texts.choose_time);
  return {
    kind: "weekly",
    days,
    times: chosen,
    from_date: fields.from_date.value || null,
    until_date: fields.until_date.value || null,
  };
}

function startingNow() {
  return { kind: "once", at: new Date(now().getTime() + NOW_DELAY_MS).toISOString() };
}

function write(order, when) {
  fields.bulletin.value = order.bulletin;
  fields.all.checked = order.clusters === "all";
  for (const box of form.querySelectorAll("[name=clusters]")) box.checked = order.clusters.includes(box.value);
  if (fields.in_quiet_hours) fields.in_quiet_hours.checked = order.in_quiet_hours;
  fields.kind.value = when.kind;
  if (when.kind === "once") {
    const local = toLocal(when.at);
    fields.date.value = local.slice(0, 10);
    fields.time.value = local.slice(11, 16);
    return;
  }
  for (const box of form.querySelectorAll("[name=days]")) box.checked = when.days.includes(Number(box.value));
  for (const input of times().slice(1)) input.remove();
  times()[0].value = when.times[0];
  for (const time of when.times.slice(1)) addTime(time);
  fields.from_date.value = when.from_date ?? "";
  fields.until_date.value = when.until_date ?? "";
}

function addTime(value) {
  const input = times()[0].cloneNode();
  input.value = value;
  document.getElementById("more-times").before(input);
  return input;
}

function times() {
  return [...form.querySelectorAll("[name=times]")];
}

function checked(name) {
  return [...form.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value);
}

function question(order, seen) {
  const title = fields.bulletin.selectedOptions[0].text;
  const names = order.clusters === "all" ? [] : seen.clusters.map(clusterTitle);
  const who = `${seen.clusters.length} ${texts.clusters}${names.length ? ` (${names.join(", ")})` : lostAmong(seen.clusters)}`;
  const isNow = fields.kind.value === "now";
  const starts = isNow ? [texts.now] : seen.starts.slice(0, SHOWN_STARTS).map(words);
  if (seen.starts.length > SHOWN_STARTS) starts.push(`… ${texts.and_more}`);
  return {
    title: texts.will_sound,
    text: `${who} ${texts.will_play} “${title}”${isNow ? "" : ` ${texts.at}`}:`,
    list: starts,
    yes: texts.confirm,
  };
}

function clusterTitle(name) {
  return clusterBox(name)?.parentElement.textContent.trim() ?? name;
}

function lostAmong(names) {
  const lost = names.map((name) => clusterBox(name)?.dataset.lost).filter(Boolean);
  return lost.length ? ` (${texts.connection_lost}: ${lost.join(", ")})` : "";
}

function clusterBox(name) {
  return form.querySelector(`[name=clusters][value="${name}"]`);
}

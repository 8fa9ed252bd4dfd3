// The emergency page: look who will hear it, type the word and the code, send; then follow every cluster's answer.

import { call, fragment, show, texts } from "/static/http.js";

const FOLLOW_MS = 1000;
const form = document.getElementById("emergency");
const release = document.getElementById("release");
const courses = document.getElementById("courses");
const names = document.getElementById("cluster-names");
const listen = document.getElementById("listen");

function order() {
  const clusters = form.elements.all.checked
    ? "all"
    : [...form.querySelectorAll("[name=clusters]:checked")].map((one) => one.value);
  return {
    bulletin: form.elements.bulletin.value,
    clusters,
    mode: form.elements.mode.value,
    repeats: Number(form.elements.repeats.value),
    valid_s: 60 * Number(form.elements.valid_min.value),
  };
}

function changed() {
  const mode = form.elements.mode.value;
  document.body.classList.toggle("drill", mode === "drill");
  names.hidden = form.elements.all.checked;
  release.hidden = true; // what was looked at is no longer what would be sent
  const chosen = form.elements.bulletin.selectedOptions[0];
  const sound = chosen ? `/media/${chosen.dataset.sound}` : "";
  if (listen.getAttribute("src") !== sound) listen.src = sound;
}

async function look() {
  const wanted = order();
  if (wanted.clusters.length === 0) throw new Error(texts.choose_clusters);
  const seen = await call("POST", "/api/emergencies/preview", wanted);
  const drill = wanted.mode === "drill";
  document.getElementById("release-title").textContent =
    `“${seen.title}”. ${drill ? texts.will_hear_drill : texts.will_hear}`;
  document.getElementById("release-list").replaceChildren(...seen.clusters.map((name) => {
    const item = document.createElement("li");
    item.textContent = form.querySelector(`[name=clusters][value="${name}"]`)?.parentElement.textContent.trim() ?? name;
    return item;
  }));
  document.getElementById("word-wanted").textContent = texts.words[wanted.mode];
  form.elements.word.value = "";
  release.hidden = false;
  form.elements.word.focus();
}

async function send() {
  const { word, code } = form.elements;
  await call("POST", "/api/emergencies", { order: order(), word: word.value, code: code.value });
  release.hidden = true;
  word.value = code.value = "";
  await follow();
  courses.scrollIntoView({ behavior: "smooth" });
}

async function stop(emergency) {
  await call("POST", "/api/emergencies/stop", emergency ? { emergency } : {});
  await follow();
}

let shown = "";
async function follow() {
  const html = await fragment("/emergency/courses");
  if (html !== shown) courses.innerHTML = shown = html;
}

// Runs what a button does; while it runs the button is off, and what goes wrong is told beside it.
function on(button, place, work) {
  button.addEventListener("click", async (event) => {
    event.preventDefault();
    const told = document.getElementById(place);
    show(told, "");
    button.disabled = true;
    try { await work(); } catch (error) { show(told, error.message); } finally { button.disabled = false; }
  });
}

form.addEventListener("change", (event) => {
  if (!release.contains(event.target)) changed();
});
on(document.getElementById("look"), "look-error", look);
on(document.getElementById("send"), "send-error", send);
on(document.getElementById("stop-all"), "stop-error", () => stop());
const allClear = document.getElementById("all-clear");
if (allClear) {
  on(allClear, "stop-error", async () => {
    await stop();
    form.elements.bulletin.value = allClear.dataset.bulletin;
    form.elements.mode.value = "live";
    form.elements.all.checked = true;
    changed();
    await look();
  });
}
courses.addEventListener("click", (event) => {
  const emergency = event.target.dataset?.stop;
  if (emergency) stop(emergency).catch((error) => show(document.getElementById("stop-error"), error.message));
});
setInterval(() => { if (!document.hidden) follow().catch(() => null); }, FOLLOW_MS);
changed();

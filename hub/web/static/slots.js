// The buttons on planned slots: stop what sounds, cancel, change.

import { ask } from "/static/ask.js";
import { call, show, texts } from "/static/http.js";

export function prepareSlots(edit, refresh) {
  const error = document.getElementById("slots-error");

  document.getElementById("part-slots").addEventListener("click", async (event) => {
    const wanted = event.target.dataset?.do;
    const row = event.target.closest("[data-slot]");
    if (!wanted || !row) return;
    show(error, "");
    if (wanted === "edit") {
      return edit(row.dataset.slot, JSON.parse(row.dataset.order), JSON.parse(row.dataset.when));
    }
    try {
      if (await act(wanted, row)) refresh();
    } catch (refusal) {
      show(error, refusal.message);
    }
  });
}

async function act(wanted, row) {
  const title = [row.querySelector("h3").textContent.trim()];
  const slot = row.dataset.slot;
  if (wanted === "stop") {
    const question = { title: texts.stop_title, text: texts.stop_text, list: title, yes: texts.stop, danger: true };
    return (await ask(question)) && call("POST", `/api/slots/${slot}/stop`, {});
  }
  const question = { title: texts.cancel_title, text: texts.cancel_text, list: title, yes: texts.cancel, danger: true };
  return (await ask(question)) && call("DELETE", `/api/slots/${slot}`);
}

// Uploads a recording with its progress, and says in words what is wrong with it.

import { sendForm, show, texts } from "/static/http.js";

export function prepareUpload(offer) {
  const form = document.getElementById("upload");
  const button = form.querySelector("button");
  const error = form.querySelector(".error");
  const done = form.querySelector(".done");
  const progress = form.querySelector(".progress");

  const name = document.getElementById("file-name");
  const tellName = () => { name.textContent = form.elements.file.files[0]?.name ?? name.dataset.none; };

  form.elements.file.addEventListener("change", tellName);
  form.addEventListener("reset", () => setTimeout(tellName));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    show(error, "");
    show(done, "");
    const file = form.elements.file.files[0];
    if (!file) return show(error, texts.choose_file);
    if (file.size > Number(form.dataset.maxMib) * 1024 * 1024) return show(error, texts.too_large);
    button.disabled = true;
    progress.hidden = false;
    try {
      const made = await sendForm("/api/bulletins", new FormData(form), (share) => tell(progress, share));
      show(done, `${texts.uploaded} “${made.title}” (${length(made.duration_ms)})`);
      form.reset();
      offer(made, length(made.duration_ms));
    } catch (refusal) {
      show(error, refusal.message);
    } finally {
      button.disabled = false;
      progress.hidden = true;
    }
  });
}

function tell(progress, share) {
  const percent = Math.floor(share * 100);
  const bar = progress.querySelector("progress");
  const words = progress.querySelector("span");
  if (share < 1) {
    bar.value = percent;
    words.textContent = `${texts.uploading} ${percent} %`;
  } else {
    bar.removeAttribute("value");
    words.textContent = `${texts.checking}…`;
  }
}

function length(ms) {
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

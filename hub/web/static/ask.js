// One question before something is done: a dialogue that answers true or false.

const dialog = document.getElementById("confirm");

export function ask({ title, text, list = [], yes, danger = false }) {
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("p").textContent = text;
  dialog.querySelector("ul").replaceChildren(...list.map((line) => {
    const item = document.createElement("li");
    item.textContent = line;
    return item;
  }));
  const confirm = dialog.querySelector("[value=yes]");
  confirm.textContent = yes;
  confirm.className = danger ? "danger" : "primary";
  dialog.showModal();
  return new Promise((resolve) => {
    const close = (event) => { if (event.target.value) dialog.close(event.target.value); };
    dialog.returnValue = "";
    dialog.addEventListener("click", close);
    dialog.addEventListener("close", () => {
      dialog.removeEventListener("click", close);
      resolve(dialog.returnValue === "yes");
    }, { once: true });
  });
}

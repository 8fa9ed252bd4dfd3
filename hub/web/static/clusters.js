// The switch on each cluster's card: maintenance on and off.

import { ask } from "/static/ask.js";
import { call, show, texts } from "/static/http.js";

export function prepareClusters(refresh) {
  const error = document.getElementById("clusters-error");

  document.getElementById("part-clusters").addEventListener("click", async (event) => {
    const { maintenance, cluster } = event.target.dataset ?? {};
    if (!maintenance) return;
    show(error, "");
    const question = {
      title: texts[`maintenance_${maintenance}_title`],
      text: texts[`maintenance_${maintenance}_text`],
      list: [event.target.closest("li").querySelector("h3").textContent.trim()],
      yes: texts[`maintenance_${maintenance}`],
    };
    try {
      if (!(await ask(question))) return;
      await call("PATCH", `/api/clusters/${cluster}`, { maintenance: maintenance === "on" });
      refresh();
    } catch (refusal) {
      show(error, refusal.message);
    }
  });
}

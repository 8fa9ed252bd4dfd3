import { call } from "/static/http.js";
import { watch } from "/static/live.js";
import { prepareUpload } from "/static/upload.js";
import { prepareSchedule } from "/static/schedule.js";
import { prepareClusters } from "/static/clusters.js";
import { prepareSlots } from "/static/slots.js";

const refresh = watch();
const schedule = prepareSchedule(refresh);
prepareUpload(schedule.offer);
prepareSlots(schedule.edit, refresh);
prepareClusters(refresh);

document.getElementById("logout").addEventListener("click", async () => {
  await call("POST", "/api/logout").catch(() => null);
  location.assign("/login");
});

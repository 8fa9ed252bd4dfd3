// Times as the commune's clock shows them, whatever the clock and zone of this phone are.

import { texts } from "/static/http.js";

const OFFSET = "+07:00";
const ZONE_MS = 7 * 3600 * 1000;

const serverNow = Date.parse(document.getElementById("schedule").dataset.now);
const loadedAt = performance.now();

export function now() {
  return new Date(serverNow + performance.now() - loadedAt);
}

export function fromLocal(date, time) {
  return `${date}T${time.length === 5 ? `${time}:00` : time}${OFFSET}`;
}

// "2026-11-23T17:00:00" on the commune's clock.
export function toLocal(instant) {
  return new Date(new Date(instant).getTime() + ZONE_MS).toISOString().slice(0, 19);
}

export function words(instant) {
  const local = toLocal(instant);
  const [year, month, day] = local.slice(0, 10).split("-");
  const weekday = new Date(`${local}Z`).getUTCDay() || 7;
  return `${texts.days[weekday - 1]}, ${day}/${month}/${year} ${local.slice(11, 16)}`;
}

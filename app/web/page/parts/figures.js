// What a rollout cost: its duration, its flip, failed requests, and the gap of a singleton.
import { h } from "../base/dom.js";
import { count, duration, milliseconds } from "../base/format.js";

/** Duration, flip, failed requests and gap of a rollout. */
export function figures(entry) {
  const failed = entry.failed_requests;
  const all = [
    ["Took", duration(entry.duration_seconds)], ["Traffic moved in", milliseconds(entry.flip_ms)],
    ["Failed requests", failed == null ? "not counted" : entry.requests ? `${count(failed)} of ${count(entry.requests)}` : "no request came", failed > 0],
    ["Singleton was down", entry.gap_seconds == null ? "not replaced" : duration(entry.gap_seconds)]];
  return h("dl", { cls: "figures" }, all.map(([name, value, bad]) => h("div", { "data-key": name }, h("dt", null, name), h("dd", { cls: bad ? "bad" : null }, value))));
}

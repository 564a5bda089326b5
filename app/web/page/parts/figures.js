// What a rollout cost: its duration, its flip, failed requests, and the gap of a singleton.
import { h } from "../base/dom.js";
import { count, duration, milliseconds } from "../base/format.js";

/** Duration, flip, failed requests and gap of a rollout. */
export function figures(entry) {
  const failed = entry.failed_requests;
  const all = [
    ["Took", duration(entry.duration_seconds), "From its first step to its last"],
    ["Traffic moved in", milliseconds(entry.flip_ms), "From the change of the route until every route answered from the new color"],
    ["Failed requests", failed == null ? "not counted" : entry.requests ? `${count(failed)} of ${count(entry.requests)}` : "no request came", "Of clients to the new color, until the end of its watch", failed > 0],
    ["Singleton was down", entry.gap_seconds == null ? "not replaced" : duration(entry.gap_seconds), "For how long no copy of a service ran that runs only once"]];
  return h("dl", { cls: "figures" }, all.map(([name, value, meaning, bad]) => h("div", { "data-key": name, title: meaning }, h("dt", null, name), h("dd", { cls: bad ? "bad" : null }, value))));
}

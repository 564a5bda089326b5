// The last rollouts as bars, the newest at the right: how each ended, and how long it took.
import { h } from "../base/dom.js";
import { duration, outcome, resultKind, resultName } from "../base/format.js";
import { store } from "../base/store.js";

const MOST = 30, FEWEST = 2;

export function strip() {
  const ran = store.history.filter((entry) => entry.duration_seconds).slice(0, MOST).reverse();
  if (ran.length < FEWEST) return null;
  const longest = Math.max(...ran.map((entry) => entry.duration_seconds)), good = ran.filter((entry) => entry.result === "success").length;
  return h("section", { cls: "card", "data-key": "strip", "aria-labelledby": "strip-title" },
    h("header", null, h("h2", { id: "strip-title" }, `The last ${ran.length} rollouts`), h("span", { cls: "muted small" }, `${good} went live`)),
    h("ol", { cls: "strip" }, ran.map((entry) => bar(entry, longest))));
}

function bar(entry, longest) {
  const words = `${entry.tag} ${resultName(outcome(entry))}, took ${duration(entry.duration_seconds)}`;
  return h("li", { "data-key": entry.rollout_id },
    h("a", { href: `/rollouts/${encodeURIComponent(entry.rollout_id)}`, "data-link": true, cls: `strip-bar ${resultKind(outcome(entry))}`, title: words, "aria-label": words, "--h": `${Math.max(8, (100 * entry.duration_seconds) / longest).toFixed(1)}%` }));
}

// The services that run once: which copy runs during a rollout, and for how long none did.
import { h } from "../base/dom.js";
import { duration } from "../base/format.js";
import { store } from "../base/store.js";

const MOVED = /^restart_(.+)$/;

export function handover() {
  const { record, status: { rollout } } = store;
  const begun = record?.steps ?? [], all = [...(rollout?.steps ?? []), ...begun.map(({ name }) => name)];
  const names = [...new Set(all.map((step) => MOVED.exec(step)?.[1]).filter(Boolean))];
  if (!rollout || !names.length) return null;
  return h("section", { cls: "card once", "data-key": "once", "aria-label": "Services that run once" },
    names.map((name) => row(name, begun, record, rollout)));
}

function row(name, begun, record, rollout) {
  const moved = begun.find((step) => step.name === `restart_${name}`), back = begun.find((step) => step.name === `rollback_${name}`);
  const changing = [moved, back].some((step) => step && step.seconds == null), done = moved?.seconds != null && !moved.error && back?.seconds == null;
  const gap = moved?.evidence?.gap_seconds, old = record?.previous?.tag ?? "none";
  const [now, words] = changing ? ["", "being handed over: for a moment no copy runs"]
    : done ? ["new", gap == null ? "the new copy runs" : `handed over: no copy ran for ${duration(gap)}`] : ["old", moved ? "the old copy runs again" : "the old copy runs, and moves after the traffic"];
  const copy = (which, tag, color) => h("span", { cls: `copy ${color ?? ""}${now === which ? " runs" : ""}`, title: now === which ? "runs" : "does not run" }, tag);
  return h("div", { cls: "handover", "data-key": name },
    h("strong", null, name), h("span", { cls: "copies", "aria-hidden": "true" }, copy("old", old, record?.origin), h("span", { cls: "gap" }, "→"), copy("new", rollout.tag, record?.target)),
    h("span", { cls: "muted small" }, words));
}

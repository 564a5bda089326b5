// Blue and green: what runs in each, and which of them the traffic leads to.
import { h, s } from "../base/dom.js";
import { rate, short, time } from "../base/format.js";
import { store } from "../base/store.js";
import { charts, trafficNow } from "./charts.js";
import { watched } from "./timeline.js";

const COLORS = ["blue", "green"];
const CURVE = { blue: "M50 0C50 22 24 18 24 40", green: "M50 0C50 22 76 18 76 40" };

export function lanes() {
  const { status, traffic } = store, active = status.active_color;
  const now = active ? trafficNow(traffic, active) : null;
  return h("section", { cls: "lanes", "aria-label": "Blue and green", "data-key": "lanes" },
    h("div", { cls: "clients" }, h("span", { cls: "pill" }, "Clients", now == null ? "" : ` · ${rate(now)} requests/s`)),
    s("svg", { cls: "flow", viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img",
      "aria-label": active ? `The traffic goes to ${active}.` : "No color has the traffic." },
      COLORS.map((color) => s("path", { "data-key": `rest-${color}`, cls: "rest", d: CURVE[color] })),
      COLORS.map((color) => s("path", { "data-key": `flow-${color}`, cls: `stream ${color}${color === active ? " flows" : ""}`, d: CURVE[color] }))),
    h("div", { cls: "pair" }, COLORS.map((color) => lane(color, status, traffic))));
}

function lane(color, status, traffic) {
  const active = color === status.active_color, what = contents(color, status);
  const drawn = charts(traffic, color);
  return h("article", { cls: `lane ${color}${active ? " active" : ""}`, "data-key": color, "aria-label": `${color}${active ? ", has the traffic" : ""}` },
    h("header", null, h("span", { cls: "dot", "aria-hidden": "true" }), h("h2", null, color), h("span", { cls: "role" }, what.role)),
    h("p", { cls: "tag" }, what.tag ?? "empty"),
    h("p", { cls: "muted small" }, what.detail),
    drawn.length ? h("div", { cls: "charts" }, drawn) : null);
}

function contents(color, { active_color: active, current, rollout }) {
  const target = store.record?.target;
  if (color === active) {
    if (rollout && color === target) return watched(store.record)
      ? { role: "being watched", tag: rollout.tag, detail: "It has the traffic. If it fails clients, the traffic moves back." }
      : { role: "has the traffic", tag: rollout.tag, detail: "It passed, and stays live." };
    if (!current) return { role: "has the traffic", tag: null, detail: "" };
    const copies = Object.entries(current.copies).filter(([, number]) => number > 1).map(([name, number]) => `${number} × ${name}`);
    return { role: "has the traffic", tag: current.tag, detail: [h("code", { title: current.sha }, short(current.sha)), " went live ", time(current.since), copies.length ? ` · ${copies.join(", ")}` : ""] };
  }
  if (rollout && color === target) return rollout.status === "rolling_back"
    ? { role: "being taken down", tag: rollout.tag, detail: "It failed. Traffic is on the other color." }
    : { role: "getting ready", tag: rollout.tag, detail: "It gets no traffic until it is healthy." };
  if (rollout && current && !watched(store.record)) return { role: "being stopped", tag: store.record?.previous?.tag ?? current.tag, detail: "It finishes the requests that it has." };
  if (rollout && current) return { role: "kept warm", tag: store.record?.previous?.tag ?? current.tag, detail: "It takes the traffic back within milliseconds if the new release fails." };
  const before = store.history.find((entry) => entry.result === "success" && entry.tag === current?.tag)?.previous;
  return before ? { role: "stopped", tag: before, detail: "A rollback starts it again, without a build." } : { role: "idle", tag: null, detail: "The next release starts here." };
}

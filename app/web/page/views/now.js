// Now: what is live, where the traffic goes, and what is happening.
import { h } from "../base/dom.js";
import { asker, duration, firstLine, outcome, prose, resultKind, resultName, short, sinceSeconds, time } from "../base/format.js";
import { mayOperate, store } from "../base/store.js";
import { cancel } from "../parts/actions.js";
import { activity } from "../parts/activity.js";
import { pauseButton } from "../parts/banners.js";
import { figures } from "../parts/figures.js";
import { handover } from "../parts/handover.js";
import { lanes } from "../parts/lanes.js";
import { log } from "../parts/log.js";
import { strip } from "../parts/strip.js";
import { timeline, watched } from "../parts/timeline.js";

export function nowView() {
  const { status } = store;
  return [headline(status), lanes(), handover(), alarms(status), status.rollout ? rolling(status.rollout) : [idle(), strip()], status.rollout ? log(status.rollout.id, true) : null, activity()];
}

function headline(status) {
  const { current, rollout } = status;
  const flipped = rollout && rollout.status === "running" && store.record?.target === status.active_color;
  if (flipped) return head(status, h("strong", null, rollout.tag), " has the traffic on ", h("span", { cls: `word ${status.active_color}` }, status.active_color), watched(store.record) ? " and is being watched." : " and stays. The old color is being stopped.");
  const live = current ? [h("strong", null, current.tag), " is live", status.active_color ? [" on ", h("span", { cls: `word ${status.active_color}` }, status.active_color)] : ""] : ["Nothing is live yet"];
  const doing = rollout ? [`. ${rollout.status === "rolling_back" ? "Rolling back" : "Rolling out"} `, h("strong", null, rollout.tag), "."] : ".";
  return head(status, live, doing);
}

function head({ current, rollout }, ...words) {
  return h("div", { cls: "headline", "data-key": "headline" }, h("h1", null, words),
    h("div", { cls: "buttons" }, pauseButton(), mayOperate() && current && !rollout ? h("a", { href: "/plan", "data-link": true, cls: "button" }, "Deploy or roll back") : null));
}

function alarms({ alarms: all }) {
  return all.length ? h("section", { cls: "card alarms", "data-key": "alarms", "aria-label": "Alarms" },
    h("h2", null, all.length === 1 ? "An alarm" : `${all.length} alarms`), h("ul", null, all.map((alarm) => h("li", { "data-key": alarm.kind + alarm.text }, prose(alarm.text))))) : null;
}

function rolling(progress) {
  const { record, usual } = store, back = progress.status === "rolling_back";
  const left = progress.eta_seconds == null || back ? "" : ` · about ${duration(progress.eta_seconds)} left`;
  const flipped = (record?.steps ?? []).some(({ name }) => name === "route_switch");
  return h("section", { cls: "card rollout", "data-key": "rollout", "aria-labelledby": "rollout-title" },
    h("header", null,
      h("h2", { id: "rollout-title" }, back ? `${progress.tag} failed and is rolled back` : `${progress.tag} is going live`),
      h("a", { href: `/rollouts/${encodeURIComponent(progress.id)}`, "data-link": true, cls: "small" }, "What it changes, and its own page"),
      mayOperate() && !flipped && !back ? h("button", { type: "button", cls: "quiet", id: "do-cancel", onclick: () => cancel(progress.id, progress.tag) }, "Cancel") : null),
    record?.error ? h("p", { cls: "bad why" }, record.error) : null,
    h("p", { cls: "muted" }, h("span", { "data-since": progress.started_at }, duration(sinceSeconds(progress.started_at))), ` so far${left}`, record ? ` · asked for by ${asker(record)}` : ""),
    h("progress", { max: 100, value: progress.percent, "aria-label": `Progress of ${progress.tag}` }, `${progress.percent} %`),
    timeline(record, progress, usual));
}

function idle() {
  const last = store.history.find((entry) => entry.duration_seconds);
  if (!last) return h("section", { cls: "card", "data-key": "idle" }, h("h2", null, "No rollout has run yet"),
    h("p", { cls: "empty" }, "Publish a release on GitHub. Its steps appear here as they run, each with its duration, and the log below them."));
  return h("section", { cls: "card", "data-key": "idle" },
    h("header", null, h("h2", null, "The last rollout"), h("a", { href: `/rollouts/${encodeURIComponent(last.rollout_id)}`, "data-link": true }, "What it changed, its steps and its log")),
    h("p", { cls: "last" }, h("span", { cls: `result ${resultKind(outcome(last))}` }, resultName(outcome(last))), " ", h("strong", null, last.tag), " ",
      last.sha ? h("code", { title: last.sha }, short(last.sha)) : null, " ", time(last.timestamp), ", asked for by ", asker(last)),
    last.error ? h("p", { cls: "why" }, firstLine(last.error)) : null,
    figures(last));
}

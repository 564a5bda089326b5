// What a person has to know on every view: the pause, a worker without a heartbeat, alarms.
import { h } from "../base/dom.js";
import { prose } from "../base/format.js";
import { mayOperate, store } from "../base/store.js";
import { pause, unpause } from "./actions.js";

export function banners() {
  const { status } = store;
  return [status.paused ? paused(status) : null, status.worker_alive ? null : away()];
}

function paused(status) {
  const stays = status.current ? `Traffic stays on ${status.current.tag}. ` : "Nothing is live yet. ";
  const live = status.rollout ? "" : stays;  // the headline says where a rollout has led it
  const last = status.last_result, failed = last && ["failed", "rolled_back"].includes(last.status) && status.pause_reason?.includes(last.tag) ? last : null;
  const lines = (status.pause_reason || "No reason was given.").split("\n");
  const output = lines.filter((line) => /^\s*\|/.test(line)), words = lines.filter((line) => !/^\s*\|/.test(line));
  return h("section", { cls: "banner warn", "data-key": "paused", "aria-label": "Paused" },
    h("div", null,
      h("p", { cls: "strong" }, "Rollouts are paused."), words.map((line) => h("p", { cls: "reason" }, prose(line))),
      output.length ? h("pre", { cls: "reason", tabindex: 0, "aria-label": "Its last lines" }, output.join("\n")) : null,
      h("p", null, `${live}Releases are accepted, and wait.${status.rollout ? "" : " Unpause when the cause is gone."}`, failed && !location.pathname.endsWith(failed.rollout_id) ? [" ", h("a", { href: `/rollouts/${encodeURIComponent(failed.rollout_id)}`, "data-link": true }, `What happened to ${failed.tag}`)] : null),
      status.rollout && mayOperate() ? h("p", { id: "unpause-why" }, `A rollout of ${status.rollout.tag} is running. You can unpause when it has ended.`) : null),
    mayOperate() ? h("button", { type: "button", cls: "main", id: "do-unpause", disabled: Boolean(status.rollout), "aria-describedby": status.rollout ? "unpause-why" : null, onclick: unpause }, "Unpause") : null);
}

function away() {
  return h("section", { cls: "banner bad-banner", "data-key": "away", "aria-label": "Worker" },
    h("div", null, h("p", { cls: "strong" }, "The worker has no heartbeat."),
      h("p", null, "Your traffic is unchanged, but no rollout starts or continues. Start the worker, and read its log: ", h("code", null, "docker compose logs"), ".")));
}

export function pauseButton() {
  const { status } = store;
  return mayOperate() && !status.paused ? h("button", { type: "button", id: "do-pause", onclick: pause }, "Pause") : null;
}

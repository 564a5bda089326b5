// What people and the updater did since this page was opened: who asked for what.
import { h } from "../base/dom.js";
import { resultName, time } from "../base/format.js";
import { notify, store } from "../base/store.js";

const KEPT = 20;
const CALLS = { apply: "deploy", rollback: "roll back", pause: "pause", unpause: "unpause", approve: "approve", cancel: "cancel" };
const WORDS = {
  "change.requested": ({ call = "", tag, by, rollout_id: id }) => [`${by} asked to ${CALLS[call.split("/").at(-1)] ?? call}`, tag ?? tagOf(id)].filter(Boolean).join(" "),
  "rollout.started": ({ tag }) => `The rollout of ${tag} started`,
  "rollout.completed": ({ tag, status }) => `The rollout of ${tag} ended: ${resultName(status)}`,
  "release.accepted": ({ tag }) => `${tag} was accepted`, "release.held": ({ tag }) => `${tag} is held`,
  paused: () => "Rollouts were paused", resumed: () => "Rollouts may start again", alarm: ({ text }) => text,
};
const tagOf = (id) => [store.status?.rollout, ...(store.status?.held_for ?? [])].find((each) => each && (each.id ?? each.rollout_id) === id)?.tag;
let seen = [];

document.addEventListener("updater-event", ({ detail: { type, at, data } }) => {
  const words = WORDS[type]?.(data ?? {});
  if (!words) return;
  seen = [{ at, words }, ...seen].slice(0, KEPT);
  notify();
});

export function activity() {
  return seen.length ? h("section", { cls: "card", "data-key": "activity", "aria-labelledby": "activity-title" },
    h("h2", { id: "activity-title" }, "Since you opened this page"),
    h("ul", { cls: "plain" }, seen.map((each) => h("li", { "data-key": each.at + each.words }, each.words, " ", h("span", { cls: "muted small" }, time(each.at)))))) : null;
}

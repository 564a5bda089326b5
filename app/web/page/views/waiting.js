// Waiting: what is held and why, alarms, and what was ignored.
import { h } from "../base/dom.js";
import { prose, short, time } from "../base/format.js";
import { mayOperate, store } from "../base/store.js";
import { approve, cancel } from "../parts/actions.js";
import { pauseButton } from "../parts/banners.js";
import { compareLink } from "../parts/changes.js";

const NEXT = { window: "opens", retry: "next try" };
const HOLDS = { paused: "paused", retry: "will be tried again", automatic_off: "automatic updates are off", checks: "waits for checks", approval: "waits for approval", window: "waits for its window" };

export function waitingView() {
  const { status } = store;
  return [h("div", { cls: "headline", "data-key": "title" }, h("h1", null, "Waiting"), h("div", { cls: "buttons" }, pauseButton())),
    alarms(status), releases(status), withdrawn(status), ignored(status)];
}

const section = (key, title, ...content) => h("section", { cls: "card", "data-key": key, "aria-labelledby": `${key}-title` }, h("h2", { id: `${key}-title` }, title), ...content);

function alarms({ alarms: all }) {
  return section("alarms", "Alarms", all.length
    ? h("ul", { cls: "list" }, all.map(({ kind, text }) => h("li", { "data-key": kind + text }, h("p", null, h("span", { cls: "result bad" }, kind.replaceAll("_", " "))), h("p", null, prose(text)))))
    : h("p", { cls: "empty" }, "None. If something between releases needs you, such as a moved route or a stopped copy, it appears here with what to do."));
}

function releases({ held_for: held, queued, rollout }) {
  const waits = queued.map((tag) => h("li", { "data-key": `queued-${tag}` }, h("p", null, h("strong", null, tag), " ", h("span", { cls: "result calm" }, "queued")),
    h("p", null, rollout ? `It starts when the rollout of ${rollout.tag} has ended, or replaces it before its flip.` : "It starts in a moment.")));
  return section("releases", "Releases", held.length + waits.length
    ? h("ul", { cls: "list" }, held.map(heldItem), waits)
    : h("p", { cls: "empty" }, "No release is waiting. A release that needs an approval, green checks or a deploy window waits here, with the button beside it."));
}

function heldItem(held) {
  return h("li", { "data-key": held.rollout_id || held.tag },
    h("p", null, h("strong", null, held.tag), " ", held.commit ? h("code", { title: held.commit }, short(held.commit)) : null, " ", h("span", { cls: "result busy" }, HOLDS[held.reason] ?? held.reason),
      held.until ? [` ${NEXT[held.reason] ?? ""} `, time(held.until)] : null),
    h("p", null, prose(held.text), held.moved_from ? [" ", compareLink(held.moved_from, held.commit)] : null),
    mayOperate() ? h("div", { cls: "buttons" },
      held.reason === "approval" ? h("button", { type: "button", cls: "main", onclick: () => approve(held) }, `Approve ${held.tag}`) : null,
      held.rollout_id ? h("button", { type: "button", onclick: () => cancel(held.rollout_id, held.tag) }, `Cancel ${held.tag}`) : null) : null);
}

function withdrawn({ withdrawn: all, current }) {
  return all.length ? section("withdrawn", "Withdrawn on GitHub", h("ul", { cls: "list" }, all.map((each) => h("li", { "data-key": each.tag },
    h("p", null, h("strong", null, each.tag), " ", time(each.at), `: ${each.reason}.`),
    h("p", { cls: "muted" }, each.tag === current?.tag ? "It keeps your traffic: see the alarm." : "Traffic is unchanged. It does not go live unless it is published again, or you deploy it."))))) : null;
}

function ignored({ ignored: all }) {
  return section("ignored", "Ignored releases", all.length
    ? h("ul", { cls: "list" }, all.map((each, index) => h("li", { "data-key": `${each.delivery ?? index}-${each.tag}` },
      h("p", null, h("strong", null, each.tag || "no tag"), " ", h("span", { cls: "muted" }, each.repository), " ", time(each.at)), h("p", null, prose(`${each.reason}.`)))))
    : h("p", { cls: "empty" }, "None. A release that GitHub announced and that this stack does not want appears here, with the reason and what to write to accept it."));
}

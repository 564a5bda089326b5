// History: a row for each rollout, and for each release that was decided without one.
import { read } from "../base/api.js";
import { complain } from "../base/dialog.js";
import { h } from "../base/dom.js";
import { asker, count, duration, firstLine, milliseconds, outcome, resultKind, resultName, time } from "../base/format.js";
import { notify, store } from "../base/store.js";

const AT_ONCE = 50;
let older = [], ended = false;

const all = () => {
  const known = new Set(store.history.map((entry) => entry.rollout_id));
  return [...store.history, ...older.filter((entry) => !known.has(entry.rollout_id))];
};

export function historyView() {
  const entries = all();
  return [h("h1", { "data-key": "title" }, "History"), entries.length ? [table(entries), more(entries)] : h("p", { cls: "card empty", "data-key": "empty" },
    "No release was decided yet. Each one gets a row here: its outcome, who asked for it, how long it took, and whether any client noticed.")];
}

function table(entries) {
  return h("div", { cls: "card table", "data-key": "table" }, h("table", null,
    h("thead", null, h("tr", null, ["Release", "Outcome", "When", "Asked for by", "Took", "Traffic moved in", "Failed requests", "Singleton was down"].map((name) => h("th", { scope: "col", "data-key": name }, name)))),
    h("tbody", null, entries.map(row))));
}

function row(entry) {
  const failed = entry.failed_requests;
  const cell = (name, ...content) => h("td", { "data-label": name, cls: content[0] === "–" ? "void" : null }, ...content);
  return h("tr", { "data-key": entry.rollout_id },
    h("th", { scope: "row" }, h("a", { href: `/rollouts/${encodeURIComponent(entry.rollout_id)}`, "data-link": true }, entry.tag)),
    cell("Outcome", h("span", { cls: `result ${resultKind(outcome(entry))}` }, resultName(outcome(entry))), entry.error ? h("span", { cls: "why small" }, firstLine(entry.error)) : null),
    cell("When", time(entry.timestamp)), cell("Asked for by", asker(entry)),
    cell("Took", entry.duration_seconds ? duration(entry.duration_seconds) : "–"), cell("Traffic moved in", milliseconds(entry.flip_ms)),
    h("td", { "data-label": "Failed requests", cls: failed > 0 ? "bad" : null }, failed == null ? "–" : entry.requests ? `${count(failed)} of ${count(entry.requests)}` : "no request came"),
    cell("Singleton was down", entry.gap_seconds == null ? "–" : duration(entry.gap_seconds)));
}

function more(entries) {
  if (ended || entries.length < 30) return null;
  return h("p", { "data-key": "more" }, h("button", { type: "button", id: "older", onclick: () => readOlder(entries.at(-1).rollout_id) }, "Older ones"));
}

async function readOlder(before) {
  let entries;
  try { ({ entries } = await read(`/update/history?limit=${AT_ONCE}&before=${encodeURIComponent(before)}`)); }
  catch (problem) { complain(problem.message); return; }
  ended = entries.length < AT_ONCE;
  older = [...all(), ...entries];  // also those that new ones push out of the store
  notify();
}

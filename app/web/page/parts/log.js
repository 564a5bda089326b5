// The log of a rollout: it follows, and can be searched, held still and copied.
import { readLog } from "../base/api.js";
import { h } from "../base/dom.js";
import { mayFollowLog, onPlace, place } from "../base/tabs.js";

const LINES_KEPT = 3000, RETRY_MS = 3000, AGAIN_MS = 10_000;
let open = null;

/** The log of `rollout`. It is made once, and stays while the page shows that rollout. */
export function log(rollout, follow) {
  const id = `log-${rollout}-${follow ? "live" : "whole"}`;
  if (open?.id === id && open.part.isConnected) return h("section", { id, "data-own": true });
  open?.abort.abort();
  open = made(id, rollout, follow);
  return open.part;
}

/** Ends the log that the page does not show any more. */
export function dropUnseen() {
  if (open?.part.isConnected) return;
  open?.abort.abort();
  open = null;
}

function made(id, rollout, follow) {
  const abort = new AbortController(), lines = h("pre", { tabindex: 0, role: "log", "aria-live": "off", "aria-label": `Log of ${rollout}` });
  const note = h("span", { cls: "muted small", role: "status" }, "");
  const search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search the log", autocomplete: "off" });
  const hold = h("button", { type: "button", cls: "quiet", "aria-pressed": "false" }, "Stop following");
  const copy = h("button", { type: "button", cls: "quiet" }, "Copy");
  const part = h("section", { id, cls: "card log", "data-own": true, "aria-label": "Log" },
    h("header", null, h("h2", null, "Log"), note, h("span", { cls: "tools" }, search, follow ? hold : null, copy)), lines);
  const state = { rest: "", held: false, missed: 0, length: 0, dropped: 0 };
  const wanted = () => search.value.trim().toLowerCase();
  const judge = (line) => { line.hidden = !line.textContent.toLowerCase().includes(wanted()); };
  const say = () => {
    const found = wanted() ? `${[...lines.children].filter((line) => !line.hidden).length} of ${lines.children.length} lines` : "";
    note.textContent = state.held && state.missed ? `${state.missed} new lines below` : found;
  };

  function add(text) {
    const parts = (state.rest + text).split("\n");
    state.rest = parts.pop();
    const atEnd = lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 8;
    const made = parts.map((each) => h("span", { cls: /\b(error|failed|fatal)\b/i.test(each) ? "line loud" : "line" }, `${each}\n`));
    made.forEach(judge);
    lines.append(...made);
    while (lines.children.length > LINES_KEPT) lines.firstChild.remove();
    if (state.held) state.missed += made.length;
    else if (atEnd && follow) lines.scrollTop = lines.scrollHeight;
    say();
  }

  search.oninput = () => { [...lines.children].forEach(judge); say(); };
  hold.onclick = () => {
    state.held = !state.held; state.missed = 0;
    hold.setAttribute("aria-pressed", String(state.held));
    hold.textContent = state.held ? "Follow" : "Stop following";
    if (!state.held) lines.scrollTop = lines.scrollHeight;
    say();
  };
  copy.onclick = async () => {
    const text = [...lines.children].filter((line) => !line.hidden).map((line) => line.textContent).join("");
    try { await navigator.clipboard.writeText(text); note.textContent = "Copied."; }
    catch { getSelection().selectAllChildren(lines); note.textContent = "Selected: copy it with the keyboard."; }
  };

  let reading = null, streams = false, timer = 0;

  /** Reads the log, and adds what is new since the last time. */
  async function run() {
    if (abort.signal.aborted || (follow && place() == null)) return;
    const mine = new AbortController();
    let skip = 0;
    reading = mine;
    streams = follow && mayFollowLog();
    const begin = (dropped) => {
      if (dropped !== state.dropped) { lines.replaceChildren(); Object.assign(state, { rest: "", length: 0, dropped }); }
      skip = state.length;
      say();
    };
    const take = (text) => {
      const fresh = text.slice(skip);
      skip = Math.max(0, skip - text.length);
      state.length += fresh.length;
      if (fresh) add(fresh);
    };
    try {
      await readLog(rollout, streams, mine.signal, begin, take);
      if (state.rest && !follow) add("\n");
      if (!lines.children.length) note.textContent = follow ? "" : "Nothing was logged, or the log is no longer kept.";
    } catch (problem) {
      if (mine.signal.aborted) return;
      note.textContent = problem.status === 404 ? "The log is no longer kept." : "The log is interrupted.";
    }
    if (follow) timer = setTimeout(run, streams ? RETRY_MS : AGAIN_MS);  // web ends each stream after an hour, and when it stops
  }

  /** A page that is not seen reads nothing, and only some of those that are seen may follow. */
  function placed() {
    if (place() != null && reading && streams === mayFollowLog()) return;
    stop();
    run();
  }
  function stop() { reading?.abort(); reading = null; clearTimeout(timer); }
  if (follow) onPlace(placed, abort.signal);
  abort.signal.addEventListener("abort", stop);
  run();
  return { id, part, abort };
}

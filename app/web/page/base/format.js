// How values are written for people: in the reader's time zone, relative, with the exact time on hover.
import { now as present } from "./api.js";
import { h } from "./dom.js";

const EXACT = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const UNITS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60]];

export function relative(at, now = present()) {
  const seconds = (new Date(at).getTime() - now) / 1000;
  const [unit, size] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? [];
  return unit ? RELATIVE.format(Math.trunc(seconds / size), unit) : seconds > 0 ? "in a moment" : "just now";
}

export function time(at) {
  if (!at || Number.isNaN(Date.parse(at))) return "at an unknown time";
  return h("time", { datetime: at, title: EXACT.format(new Date(at)) }, relative(at));
}

/** Writes relative times and running durations again: a page that is left open stays true. */
export function tick() {
  for (const each of document.querySelectorAll("time")) {
    const text = relative(each.dateTime);
    if (each.textContent !== text) each.textContent = text;
  }
  for (const each of document.querySelectorAll("[data-since]")) each.textContent = duration(sinceSeconds(each.dataset.since));
}

export const sinceSeconds = (at) => Math.max(0, (present() - Date.parse(at)) / 1000);

export function duration(seconds) {
  if (seconds == null) return "–";
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds), minutes = Math.floor(whole / 60);  // rounded first: 119.7 s are 2 min, not 1 min 60 s
  if (whole < 60) return `${whole} s`;
  return minutes < 60 ? `${minutes} min ${whole % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export const milliseconds = (ms) => (ms == null ? "–" : ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${Math.round(ms)} ms` : duration(ms / 1000));
export const count = (number) => (number == null ? "–" : number.toLocaleString());
export const rate = (number) => (number == null ? "–" : number === 0 ? "0" : number < 10 ? number.toFixed(1) : Math.round(number).toLocaleString());
export const bytes = (number) => (number == null ? "–" : number >= 1e9 ? `${(number / 1e9).toFixed(1)} GB` : `${Math.round(number / 1e6)} MB`);
export const short = (sha) => (sha ?? "").slice(0, 12);

/** The first line of an error, without a sentence that introduces the next lines. */
export const firstLine = (error) => error.split("\n")[0].replace(/\s[^.:]*:$/, "");

/** With a capital letter, if it begins with a word of ours: a tag or a service stays as it is. */
const sentence = (text) => text.replace(/^(?:the|its|it|a|an|no|paused)\b/, (word) => word[0].toUpperCase() + word.slice(1));

/** Text of the updater, with what is between backticks as code. */
export const prose = (text) => sentence(String(text)).split("`").map((part, index) => (index % 2 ? h("code", null, part) : part));

const STEPS = [
  [/^preflight$/, () => "Check the machine"], [/^recall_release$/, () => "Find the kept release"],
  [/^git_fetch_tags$/, () => "Fetch the tag"], [/^git_checkout_tag$/, () => "Read the release"],
  [/^docker_build$/, () => "Build the images"], [/^before_flip_(?:\d+_)?(.+)$/, (name) => `Run ${name}`],
  [/^rollback_route$/, () => "Move the traffic back"], [/^rollback_stop$/, () => "Stop the new color"],
  [/^rollback_follow_(.+)$/, (name) => `Restore ${name}`], [/^rollback_(.+)$/, (name) => `Restore ${name}`],
  [/^route_switch$/, () => "Move the traffic"], [/^health_routed_(.+)$/, (name) => `Ask ${name} through its route`],
  [/^health_(.+)$/, (name) => `Wait until ${name} is healthy`], [/^start_(.+)$/, (name) => `Start ${name}`],
  [/^restart_(.+)$/, (name) => `Hand over ${name}`], [/^follow_(.+)$/, (name) => `Replace ${name}`],
  [/^bake$/, () => "Watch real traffic"], [/^stop_old_color$/, () => "Drain and stop the old color"],
  [/^prune$/, () => "Clean up"], [/^resume_check$/, () => "Check again after an interruption"],
  [/^discard$/, () => "Remove what was started"],
];

export function stepName(name) {
  for (const [pattern, text] of STEPS) { const match = pattern.exec(name); if (match) return text(match[1]); }
  return name;
}

const RESULTS = {
  success: "went live", failed: "failed", rolled_back: "rolled back", superseded: "superseded", cancelled: "canceled",
  withdrawn: "withdrawn", running: "running", rolling_back: "rolling back", queued: "waiting",
};
/** How a release ended, from its entry in the history or its record. One that an operator canceled did not fail. */
export const outcome = (ended) => (ended.reason_code === "cancelled" ? "cancelled" : ended.result ?? ended.status);
export const resultName = (result) => RESULTS[result] ?? result;
export const resultKind = (result) => ({ success: "good", failed: "bad", rolled_back: "bad", running: "busy", rolling_back: "bad" })[result] ?? "calm";

const TRIGGERS = { webhook: "GitHub", manual: "an operator", recovery: "recovery", reconcile: "the check of GitHub's list" };
export const asker = (entry) => entry.by || TRIGGERS[entry.trigger] || entry.trigger || "unknown";

// The page of one rollout, with a permanent address.
import { read } from "../base/api.js";
import { h } from "../base/dom.js";
import { asker, count, duration, firstLine, outcome, prose, resultKind, resultName, sinceSeconds, stepName, time } from "../base/format.js";
import { mayOperate, notify, store } from "../base/store.js";
import { cancel } from "../parts/actions.js";
import { changes } from "../parts/changes.js";
import { said } from "../parts/evidence.js";
import { figures } from "../parts/figures.js";
import { log } from "../parts/log.js";

const RETRY_MS = 3000, PAGE = 200;
const ENDED = new Set(["success", "failed", "rolled_back", "superseded", "cancelled", "withdrawn"]);
let known = { id: null, record: null, before: undefined, problem: "", seen: null };

export function rolloutView(id) {
  const running = store.status.rollout?.id === id;
  if (known.id !== id) known = { id, record: null, before: undefined, problem: "", seen: null };
  if (known.seen !== store.status && !(known.record && ENDED.has(known.record.status))) { known.seen = store.status; load(id); }
  const record = running ? store.record ?? known.record : known.record;
  if (!record) return [h("h1", null, "Rollout"), h("p", { cls: "card empty" }, known.problem || "Loading…")];
  const entry = store.history.find((each) => each.rollout_id === id) ?? {};
  return [title(record), summary(record, entry), warnings(record), waterfall(record), record.steps?.length ? changes(record, known.before) : null,
    log(id, !ENDED.has(record.status))];
}

async function load(id) {
  try {
    const record = await read(`/update/rollouts/${encodeURIComponent(id)}`);
    const before = known.before === undefined && record.previous ? await recordBefore(record.previous, id).catch(unlessGone) : known.before;
    if (known.id === id) Object.assign(known, { record, before, problem: "" });
  } catch (problem) {
    if (known.id === id && problem.status !== 404) setTimeout(() => { if (known.id === id) { known.seen = null; notify(); } }, RETRY_MS);
    if (known.id === id) known.problem = problem.status === 404 ? "No rollout with this address is known. Records are kept for 30 days." : problem.message;
  }
  notify();
}

/** The record of the rollout that brought `previous` live; null if none is kept. Looked for once, and not at each step. */
async function recordBefore(previous, id) {
  const entry = await releaseBefore(previous, id);
  return entry && read(`/update/rollouts/${encodeURIComponent(entry.rollout_id)}`);
}

/** Null, the answer, if there is no record; undefined if the next look has to ask again. */
const unlessGone = (problem) => (problem.status === 404 ? null : undefined);

/** The entry of the rollout that brought `previous` live, also if the page has not read that far back; else null. */
async function releaseBefore(previous, id) {
  for (let entries = store.history, from = entries.findIndex((each) => each.rollout_id === id) + 1; ; from = 0) {
    const found = entries.slice(from).find((each) => each.result === "success" && each.sha && each.sha === previous.sha && each.rollout_id !== id);
    if (found || !entries.length) return found ?? null;
    entries = (await read(`/update/history?limit=${PAGE}&before=${encodeURIComponent(entries.at(-1).rollout_id)}`)).entries;
  }
}

function title(record) {
  return h("div", { cls: "headline", "data-key": "title" },
    h("div", null, h("p", { cls: "small" }, h("a", { href: "/history", "data-link": true }, "History"), " / ", record.rollout_id),
      h("h1", null, h("strong", null, record.tag), " ", h("span", { cls: `result ${resultKind(outcome(record))}` }, resultName(outcome(record))))),
    mayOperate() && record.status === "queued" ? h("button", { type: "button", onclick: () => cancel(record.rollout_id, record.tag) }, "Cancel") : null);
}

function summary(record, entry) {
  const bake = (record.steps ?? []).findLast?.(({ name }) => name === "bake")?.evidence?.traffic ?? {};
  const counts = Object.values(bake).filter((each) => typeof each === "object" && each);
  const sum = (name) => (counts.length ? counts.reduce((all, each) => all + (each[name] ?? 0), 0) : null);
  const found = (key) => (record.steps ?? []).map(({ evidence }) => evidence?.[key]).find((value) => value != null) ?? null;
  return h("section", { cls: "card", "data-key": "summary", "aria-label": "Summary" },
    record.error ? h("pre", { cls: "bad why", tabindex: 0, "aria-label": "Why it failed" }, record.error) : null,
    h("p", null, `Asked for by ${asker(record)}, accepted `, record.accepted_at ? time(record.accepted_at) : time(entry.timestamp), record.completed_at ? [", ended ", time(record.completed_at)] : "",
      record.previous ? [". Live before: ", h("strong", null, record.previous.tag)] : "", record.target ? [". Color: ", h("span", { cls: `word ${record.target}` }, record.target)] : "", "."),
    record.trace_id ? h("p", { cls: "muted small" }, "Trace ", h("code", null, record.trace_id)) : null,
    record.started_at ? figures({ duration_seconds: record.duration_seconds ?? lasted(record), flip_ms: found("flip_ms"), gap_seconds: found("gap_seconds"), requests: sum("requests"), failed_requests: sum("errors") }) : null);
}

const lasted = ({ started_at: start, completed_at: end }) => (end ? (Date.parse(end) - Date.parse(start)) / 1000 : sinceSeconds(start));

function warnings({ warnings: all }) {
  return all?.length ? h("section", { cls: "card", "data-key": "warnings", "aria-label": "Warnings" }, h("h2", null, all.length === 1 ? "A warning" : `${all.length} warnings`), h("ul", null, all.map((text) => h("li", null, prose(text))))) : null;
}

function waterfall(record) {
  const steps = record.steps ?? [];
  if (!steps.length) return h("p", { cls: "card empty", "data-key": "steps" }, record.status === "queued" ? "It waits. Its steps appear here when it starts." : "It was decided without a rollout: nothing was built or started.");
  const start = Date.parse(record.started_at ?? steps[0].started_at);
  const ends = steps.map((step) => Date.parse(step.started_at) + 1000 * (step.seconds ?? sinceSeconds(step.started_at)));
  const whole = Math.max(1, ...ends.map((end) => end - start)) / 1000;
  return h("section", { cls: "card", "data-key": "steps", "aria-labelledby": "steps-title" },
    h("header", null, h("h2", { id: "steps-title" }, "Steps"), h("span", { cls: "muted small" }, `${duration(whole)} from the first to the last`)),
    h("ol", { cls: "waterfall" }, steps.map((step, index) => fall(step, index, start, whole))));
}

function fall(step, index, start, whole) {
  const seconds = step.seconds ?? sinceSeconds(step.started_at), offset = (Date.parse(step.started_at) - start) / 1000;
  const state = step.seconds == null ? "running" : step.error ? "failed" : "done", part = (value) => `${((100 * value) / whole).toFixed(3)}%`;
  const usual = store.usual?.steps?.[step.name];
  return h("li", { "data-key": `${index}-${step.name}`, cls: `step ${state}` }, h("details", null,
    h("summary", null, h("span", { cls: "step-name" }, stepName(step.name), h("span", { cls: "unseen" }, `, ${state}`)),
      h("span", { cls: "track", "aria-hidden": "true" }, h("span", { cls: "span", "--x": part(Math.max(0, offset)), "--w": part(seconds) })),
      h("span", { cls: "step-took" }, duration(seconds)), h("span", { cls: "step-said" }, step.error ? firstLine(step.error) : said(step.evidence))),
    h("dl", { cls: "facts" },
      [["Step", step.name], ["Started", time(step.started_at)], ["Usually", usual == null ? "not known yet" : duration(usual)], ...(step.error ? [["Error", step.error]] : []),
        ...Object.entries(step.evidence ?? {}).map(([name, value]) => [name.replaceAll("_", " "), written(value)])].map(([name, value]) => [h("dt", null, name), h("dd", null, value)]))));
}

function written(value) {
  if (value == null) return "none";
  if (typeof value === "number") return count(value);
  if (Array.isArray(value)) return value.length ? value.map(String).join(", ") : "none";
  if (typeof value !== "object") return String(value);
  return Object.entries(value).length ? h("ul", { cls: "plain" }, Object.entries(value).map(([name, each]) => h("li", null, `${name}: `, written(each)))) : "none";
}

// The steps of a running rollout, as they fill in: each with its duration beside the usual one.
import { h } from "../base/dom.js";
import { duration, firstLine, sinceSeconds, stepName } from "../base/format.js";
import { bar } from "./charts.js";
import { said } from "./evidence.js";

const STATES = { done: "done", running: "running", failed: "failed", next: "to come" };

/** Whether the new color is still watched: until the end of the bake. */
export const watched = (record) => !(record?.steps ?? []).some(({ name, seconds }) => name === "bake" && seconds != null);

/** The rows: what has begun, in its order, then what is to come. A rollback has no list of what is to come. */
export function rows(record, progress) {
  const begun = (record?.steps ?? []).map((step) => ({ ...step, state: step.seconds == null ? "running" : step.error ? "failed" : "done" }));
  const names = new Set(begun.map(({ name }) => name));
  const failed = progress?.status === "rolling_back" || begun.some(({ state }) => state === "failed");
  const next = failed ? [] : (progress?.steps ?? []).filter((name) => !names.has(name)).map((name) => ({ name, state: "next", evidence: {} }));
  return [...begun, ...next];
}

export function timeline(record, progress, usual) {
  const all = rows(record, progress), known = usual?.steps ?? {};
  const most = Math.max(1, ...all.map(({ name, seconds }) => Math.max(seconds ?? 0, known[name] ?? 0)));
  return h("ol", { cls: "timeline", "data-key": "timeline", "aria-label": "Steps" }, all.map((step, index) => row(step, index, known[step.name], most)));
}

function row(step, index, usual, most) {
  const running = step.state === "running", seconds = running ? sinceSeconds(step.started_at) : step.seconds;
  return h("li", { cls: `step ${step.state}`, "data-key": `${index}-${step.name}`, "aria-current": running ? "step" : null },
    h("span", { cls: "mark", "aria-hidden": "true" }),
    h("span", { cls: "step-name", title: step.name }, stepName(step.name), h("span", { cls: "unseen" }, `, ${STATES[step.state]}`)),
    h("span", { cls: "step-said" }, step.error ? firstLine(step.error) : step.retry ? `retrying: attempt ${step.retry.attempt}. ${step.retry.error}` : said(step.evidence)),
    bar(seconds, usual, most),
    h("span", { cls: "step-took" },
      running ? h("span", { "data-since": step.started_at }, duration(seconds)) : h("span", null, step.state === "next" ? "" : duration(seconds)),
      h("span", { cls: "step-usual muted" }, usual == null ? null : [h("span", { cls: "unseen" }, ", "), `usually ${duration(usual)}`])));
}

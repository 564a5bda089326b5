// Plan: what a rollout or a rollback would do, before anything happens.
import { NotLoggedIn, read } from "../base/api.js";
import { h } from "../base/dom.js";
import { bytes, prose, short } from "../base/format.js";
import { go } from "../base/navigate.js";
import { leave, mayOperate, notify, store } from "../base/store.js";
import { deploy, rollBack } from "../parts/actions.js";

const asked = { tag: "", plan: null, problem: "", busy: false, back: null, backProblem: "", backBusy: false };

export function planView() {
  return [h("h1", { "data-key": "title" }, "Plan"), deployment(), rollback()];
}

function tags() {
  const { status, history } = store;
  return [...new Set([...status.queued, ...status.held, ...history.map((entry) => entry.tag)])].slice(0, 50);
}

function deployment() {
  return h("section", { cls: "card", "data-key": "deploy", "aria-labelledby": "deploy-title" },
    h("h2", { id: "deploy-title" }, "Deploy a tag"),
    h("form", { cls: "inline", id: "plan-form", onsubmit: askPlan },
      h("label", { for: "plan-tag" }, "Tag"), h("input", { id: "plan-tag", list: "known-tags", required: true, autocomplete: "off", spellcheck: "false", "data-own": true, placeholder: "v1.2.3" }),
      h("datalist", { id: "known-tags" }, tags().map((tag) => h("option", { value: tag }))),
      h("button", { type: "submit", disabled: asked.busy }, asked.busy ? "Reading…" : "Show what would happen")),
    h("div", { id: "plan-answer", "aria-live": "polite" },
      asked.problem ? h("p", { cls: "bad" }, asked.problem) : asked.plan ? planned(asked.plan)
        : h("p", { cls: "empty" }, "The plan appears here: what is built, started and stopped, whether a singleton restarts, which variables change, and how much disk it needs. It changes nothing.")));
}

async function askPlan(event) {
  event.preventDefault();
  Object.assign(asked, { tag: document.getElementById("plan-tag").value.trim(), plan: null, problem: "", busy: true });
  notify();
  try { asked.plan = await read(`/update/plan?tag=${encodeURIComponent(asked.tag)}`); }
  catch (problem) { if (problem instanceof NotLoggedIn) leave(); asked.problem = problem.message; }
  asked.busy = false;
  notify();
}

const because = (what, reason) => (reason ? `${what} (${reason})` : what);
const list = (items) => (items.length ? h("ul", { cls: "plain" }, items.map((item) => h("li", null, prose(item)))) : "none");
const facts = (rows) => h("dl", { cls: "facts" }, rows.filter(([, value]) => value != null).map(([name, value]) => [h("dt", null, name), h("dd", null, value)]));

function planned(plan) {
  const names = ({ added, removed, changed }) => [["added", added], ["removed", removed], ["changed", changed]]
    .filter(([, each]) => each.length).map(([word, each]) => `${word} ${each.join(", ")}`).join("; ");
  const from = (origin) => plan.files.filter((file) => file.origin === origin).map((file) => file.path);
  return [
    h("p", { cls: "lead" }, h("strong", null, plan.tag), " ", h("code", null, short(plan.sha)), plan.current ? ` replaces ${plan.current.tag}` : " is the first release", ", on ", h("span", { cls: `word ${plan.target_color}` }, plan.target_color), "."),
    plan.blocked_by.length ? h("div", { cls: "note" }, h("p", { cls: "strong" }, "It would not start now."), list([...plan.blocked_by])) : null,
    plan.warnings.length ? h("div", { cls: "note" }, h("p", { cls: "strong" }, "Warnings"), list([...plan.warnings])) : null,
    facts([
      ["Images", list(plan.images.map((image) => `${image.service}: ${image.builds ? because("built", image.reason) : "pulled"}`))],
      ["Starts", list([...plan.starts])], ["Stops", list([...plan.stops])],
      ["Singletons", plan.singletons.length ? list(plan.singletons.map((each) => `${each.name}: ${because(each.restarts ? "restarts" : "stays", each.reason)}`)) : null],
      ["Followers", plan.followers.length ? list(plan.followers.map((each) => `${each.name}: ${because(each.replaced ? "replaced" : "stays", each.reason)}`)) : null],
      ["Commands", plan.before_flip.length ? list(plan.before_flip.map((each) => `${each.service}: ${each.command.join(" ") || "its own command"}${each.runs ? "" : " (already succeeded)"}`)) : null],
      ["Variables", plan.environment_changes.length ? list(plan.environment_changes.map((each) => `${each.service}: ${names(each)}`)) : "none changes"],
      ["Not applied", plan.not_applied.length ? list(plan.not_applied.map((each) => `${each.service}: ${each.reason}`)) : null],
      ["Files", list([...new Set(from("release"))].map((path) => `${path} (release)`).concat([...new Set(from("live"))].map((path) => `${path} (live directory)`)))],
      ["Disk", plan.disk ? `needs ${bytes(plan.disk.needed_bytes)}, ${bytes(plan.disk.free_bytes)} free` : null],
      ["Rollback", plan.rollback === "never" ? "impossible: the release declares that it cannot be rolled back" : "possible, without a build"]]),
    mayOperate() ? h("div", { cls: "buttons" }, h("button", { type: "button", cls: "main", id: "do-deploy", onclick: startDeploy }, `Deploy ${plan.tag}`)) : null];
}

async function startDeploy() {
  const answer = await deploy(asked.plan);
  if (answer?.status === "queued") { asked.plan = null; go("/"); }
}

function rollback() {
  const { back, backProblem, backBusy } = asked;
  return h("section", { cls: "card", "data-key": "back", "aria-labelledby": "back-title" },
    h("h2", { id: "back-title" }, "Roll back"),
    back ? null : h("p", { cls: "muted" }, "The release before the live one is kept, with its images: nothing is built. See first what comes back."),
    h("div", { id: "back-answer", "aria-live": "polite" }, backProblem ? h("p", { cls: "bad" }, backProblem) : back ? [
      h("p", { cls: "lead" }, h("strong", null, back.tag), " ", h("code", null, short(back.sha)), " comes back", back.current ? ` in place of ${back.current.tag}` : "", ", on ", h("span", { cls: `word ${back.target_color}` }, back.target_color), ". Rollouts are then paused."),
      back.blocked_by.length ? h("div", { cls: "note" }, h("p", { cls: "strong" }, "It would be refused."), list([...back.blocked_by])) : null,
      facts([["It lacks", back.lacks.length ? `${back.lacks.join(", ")}: they lose their route and stop` : "nothing that is live"],
        ["Other values", back.changed_unknown ?? (back.changed_values.length ? list(back.changed_values.map((each) => `${each.service}: ${each.names.join(", ")}`)) : "none: it starts with the values that it had")]])] : null),
    h("div", { cls: "buttons" }, h("button", { type: "button", id: "show-back", disabled: backBusy, onclick: askBack }, backBusy ? "Reading…" : "Show what comes back"),
      back && mayOperate() ? h("button", { type: "button", cls: "danger", id: "do-rollback", disabled: !back.would_start, onclick: startBack }, `Roll back to ${back.tag}`) : null));
}

async function askBack() {
  Object.assign(asked, { back: null, backProblem: "", backBusy: true });
  notify();
  try { asked.back = await read("/update/rollback/plan"); }
  catch (problem) { if (problem instanceof NotLoggedIn) leave(); asked.backProblem = problem.message; }
  asked.backBusy = false;
  notify();
}

async function startBack() {
  const answer = await rollBack(asked.back);
  if (answer?.status === "queued") { asked.back = null; go("/"); }
}

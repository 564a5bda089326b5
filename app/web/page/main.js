// The frame: which view an address shows, the banners above it, and the navigation.
import { h, show } from "./base/dom.js";
import { resultName, sinceSeconds, tick } from "./base/format.js";
import { go } from "./base/navigate.js";
import { look, start, store, subscribe } from "./base/store.js";
import { banners } from "./parts/banners.js";
import { dropUnseen } from "./parts/log.js";
import { historyView } from "./views/history.js";
import { nowView } from "./views/now.js";
import { planView } from "./views/plan.js";
import { rolloutView } from "./views/rollout.js";
import { loginView, logOut, useLink } from "./views/session.js";
import { waitingView } from "./views/waiting.js";

const VIEWS = [
  { path: "/", name: "Now", view: nowView }, { path: "/history", name: "History", view: historyView },
  { path: "/waiting", name: "Waiting", view: waitingView }, { path: "/plan", name: "Plan", view: planView },
];
const ANNOUNCED_SECONDS = 60;  // older events are those that came while nobody saw the page
const at = (id) => document.getElementById(id);

function decoded(text) { try { return decodeURIComponent(text); } catch { return text; } }

function route() {
  const rollout = /^\/rollouts\/([^/]+)$/.exec(location.pathname);
  if (rollout) return { name: "Rollout", path: location.pathname, view: () => rolloutView(decoded(rollout[1])), under: "/history" };
  return VIEWS.find((each) => each.path === location.pathname) ?? VIEWS[0];
}

function waiting() {
  const status = store.status;
  return status ? status.queued.length + status.held.length + status.alarms.length : 0;
}

function navigation(current) {
  return VIEWS.map(({ path, name }) => {
    const number = path === "/waiting" ? waiting() : 0;
    return h("a", { href: path, "data-link": true, "data-key": path, "aria-current": (current.under ?? current.path) === path ? "page" : null },
      name, number ? h("span", { cls: "badge" }, number, h("span", { cls: "unseen" }, number === 1 ? " needs a look" : " need a look")) : null);
  });
}

function who() {
  if (!store.session) return [];
  const { name, kind, scope } = store.session;
  return [h("span", { cls: "muted" }, name || (kind === "session" ? "" : kind), scope === "read" ? " read only" : ""),
    kind === "session" ? h("button", { type: "button", cls: "quiet", id: "logout", onclick: logOut }, "Log out") : null];
}

function render() {
  draw();
  dropUnseen();
}

function draw() {
  const current = route(), status = store.status;
  at("connection").textContent = store.connection === "live" || store.loggedOut ? "" : store.connection;
  at("connection").className = store.connection === "live" ? "up" : "down";
  at("nav").hidden = !status;
  at("project").textContent = status?.repository?.name ?? "zetherion-updater";
  show(at("nav"), navigation(current));
  show(at("who"), who());
  show(at("banners"), status ? banners() : []);
  if (store.loggedOut) { document.title = "Log in · zetherion-updater"; show(at("main"), loginView()); return; }
  if (!status) { show(at("main"), h("p", { cls: "empty" }, store.connection === "connecting" ? "Connecting…" : store.connection)); return; }
  const live = status.rollout ? `${status.rollout.percent} % ${status.rollout.tag}` : status.current?.tag ?? "nothing live";
  document.title = `${live} · ${current.name}`;
  show(at("main"), h("div", { id: `view-${current.path}`, cls: "view" }, current.view()));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[data-link]");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
  event.preventDefault();
  go(new URL(link.href).pathname);
});
document.addEventListener("updater-event", ({ detail: { type, at: happenedAt, data } }) => {
  const text = { "rollout.started": `${data.tag}: a rollout starts`, "rollout.completed": `${data.tag}: the rollout ended, ${resultName(data.status)}`, paused: "Rollouts are paused", resumed: "Rollouts may start again", alarm: data.text }[type];
  if (text && sinceSeconds(happenedAt) < ANNOUNCED_SECONDS) at("announce").textContent = text;
});
window.addEventListener("popstate", render);
window.addEventListener("hashchange", async () => { if (await useLink()) { store.session = null; await look(); } });
subscribe(render);
setInterval(tick, 1000);
useLink().finally(start);

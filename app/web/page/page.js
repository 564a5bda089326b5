"use strict";
// Text from the updater is only ever set as text, so that nothing in a release can become markup.
const LINES_KEPT = 500, EVENTS_SHOWN = 100, POLL_MS = 10000, RETRY_MS = 3000;
const at = (id) => document.getElementById(id);
const state = { status: null, etag: null, source: null, followed: null, abort: null };

async function call(method, path, body, headers = {}) {
  const options = { method, headers: { ...headers }, credentials: "same-origin", cache: "no-store" };
  if (method === "POST") {
    options.headers["X-Updater-Request"] = "dashboard";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body ?? {});
  }
  const answer = await fetch(path, options);
  if (answer.status === 401) { askForSecret(); throw new Error("Log in first."); }
  return answer;
}

async function read(path) {
  const answer = await call("GET", path);
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer.json();
}

async function change(path, body) {
  try {
    const answer = await call("POST", path, body);
    const result = await answer.json();
    notice(answer.ok ? "" : result.error);
  } catch (problem) { notice(String(problem.message)); }
  look();
}

function notice(text) { at("notice").textContent = text; at("notice").hidden = !text; }
function element(name, text) { const made = document.createElement(name); made.textContent = text ?? ""; return made; }

function askForSecret() {
  stop();
  at("login").hidden = false; at("main").hidden = true; at("logout").hidden = true;
  at("connection").textContent = "not logged in";
}

async function look() {
  try {
    const answer = await call("GET", "/status", null, state.etag ? { "If-None-Match": state.etag } : {});
    if (answer.status === 200) {
      state.etag = answer.headers.get("ETag");
      show(await answer.json());
      await showHistory();
    }
    listen();
    at("connection").textContent = "up to date";
  } catch (problem) { at("connection").textContent = String(problem.message); }
}

function show(status) {
  state.status = status;
  at("login").hidden = true; at("main").hidden = false; at("logout").hidden = false;
  const live = status.current, rollout = status.rollout;
  const several = Object.entries(live?.copies ?? {}).filter(([, number]) => number > 1);
  const facts = [
    ["Release", live ? `${live.tag} (${live.sha.slice(0, 12)}) since ${live.since}` : "none yet"],
    ["Color", status.active_color ?? "none"],
    ...(several.length ? [["Copies", several.map(([name, number]) => `${number} of ${name}`).join(", ")]] : []),
    ["State", status.state],
    ["Worker", status.worker_alive ? "alive" : "no heartbeat: nothing starts until it is back"],
    ["Waiting", [...status.queued, ...status.held].join(", ") || "nothing"],
    ...(status.withdrawn ?? []).map((each) => ["Withdrawn", withdrawnText(each, status)]),
    ["Alarms", (status.alarms ?? []).map((alarm) => alarm.text).join(" ") || "none"],
  ];
  at("facts").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
  at("pause").hidden = !status.paused; at("pause").textContent = status.paused ? `Paused. ${status.pause_reason ?? ""}` : "";
  const ignored = status.ignored ?? [];
  at("ignored-part").hidden = !ignored.length;
  at("ignored").replaceChildren(...ignored.map((each) => row(each.tag, each.repository, each.at, each.reason)));
  at("held").replaceChildren(...(status.held_for ?? []).map(heldItem));
  at("do-pause").disabled = status.paused; at("do-unpause").disabled = !status.paused || Boolean(rollout);
  at("do-cancel").disabled = !rollout;
  at("progress").hidden = !rollout; at("progress").value = rollout ? rollout.percent : 0;
  at("step").textContent = rollout
    ? `${rollout.tag}: ${rollout.step ?? "between steps"}, ${rollout.percent} %` +
      (rollout.eta_seconds == null ? "" : `, about ${Math.round(rollout.eta_seconds)} s left`) +
      (rollout.retry ? `. Retrying: attempt ${rollout.retry.attempt} at ${rollout.retry.at}. ${rollout.retry.error}` : "")
    : "No rollout is running.";
  if (rollout && rollout.id !== state.followed) follow(rollout.id);
}

function withdrawnText(each, status) {
  const alarmed = (status.alarms ?? []).some((alarm) => alarm.kind === "live_release_withdrawn");
  const stays = each.tag === status.current?.tag || (alarmed && each.tag === status.rollout?.tag);
  const meant = stays
    ? "it keeps your traffic: see the alarm"
    : "traffic is unchanged, and it does not go live unless it is published again or you deploy it";
  return `${each.tag} at ${each.at}: ${each.reason}; ${meant}`;
}

function heldItem(held) {
  const item = element("li", held.text);
  if (held.reason === "approval") {
    const button = element("button", `Approve ${held.tag}`);
    button.type = "button";
    button.addEventListener("click", () => {
      if (confirm(`Let ${held.tag}${held.commit ? ` (${held.commit.slice(0, 12)})` : ""} go live?`)) change("/update/approve", { tag: held.tag });
    });
    item.append(" ", button);
  }
  return item;
}

function row(...values) {
  const made = document.createElement("tr");
  made.append(...values.map((value) => element("td", value == null ? "" : String(value))));
  return made;
}

async function showHistory() {
  const { entries } = await read("/update/history?limit=20");
  at("history").replaceChildren(...entries.map((entry) =>
    row(entry.tag, entry.result, entry.timestamp, entry.duration_seconds, entry.error)));
}

function listen() {
  if (state.source) return;
  state.source = new EventSource("/update/events");
  state.source.onmessage = (message) => {
    const event = JSON.parse(message.data), data = event.data;
    const about = data.call ?? data.tag ?? data.step ?? data.reason ?? "", by = data.by ? ` by ${data.by}` : "";
    at("events").prepend(element("li", `${event.at.slice(11, 19)} ${event.type} ${about}${by}`));
    while (at("events").children.length > EVENTS_SHOWN) at("events").lastChild.remove();
    look();
  };
  state.source.onerror = () => {
    at("connection").textContent = "connection lost, retrying";
    if (state.source?.readyState === EventSource.CLOSED) state.source = null;  // the next poll opens a new one
  };
}

async function follow(rollout) {
  state.abort?.abort();
  const abort = state.abort = new AbortController();
  state.followed = rollout;
  at("log").textContent = "";
  try {
    const answer = await fetch(`/update/rollouts/${encodeURIComponent(rollout)}/log?follow=1`, { signal: abort.signal });
    if (!answer.ok) throw new Error(answer.statusText);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) append(part.value);
  } catch (problem) { /* the next poll follows it again, from the beginning */ }
  setTimeout(() => { if (state.followed === rollout) state.followed = state.etag = null; }, RETRY_MS);
}

function append(text) {
  const log = at("log"), atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  log.textContent = (log.textContent + text).split("\n").slice(-LINES_KEPT).join("\n");
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function stop() {
  state.source?.close(); state.abort?.abort();
  Object.assign(state, { source: null, abort: null, followed: null, etag: null });
}

at("login").addEventListener("submit", async (submitted) => {
  submitted.preventDefault();
  const secret = at("secret").value;
  at("secret").value = "";
  const headers = { "Content-Type": "application/json", "X-Updater-Request": "dashboard" };
  const answer = await fetch("/login", { method: "POST", headers, body: JSON.stringify({ secret }) });
  notice(answer.ok ? "" : answer.status === 401 ? "The secret is wrong." : (await answer.json()).error);
  if (answer.ok) look();
});
at("logout").addEventListener("click", async () => {
  const answer = await call("POST", "/logout");
  if (answer.ok) askForSecret(); else notice((await answer.json()).error);  // still logged in
});
at("do-pause").addEventListener("click", () => {
  const reason = prompt("Why do you pause rollouts?");
  if (reason?.trim()) change("/update/pause", { reason });
});
at("do-unpause").addEventListener("click", () => change("/update/unpause"));
at("do-rollback").addEventListener("click", () => {
  if (confirm("Roll back to the release before the live one?")) change("/update/rollback");
});
at("do-cancel").addEventListener("click", () => {
  if (state.status?.rollout && confirm("Cancel the rollout?")) change("/update/cancel", { rollout_id: state.status.rollout.id });
});
look();
setInterval(() => { if (!at("main").hidden) look(); }, POLL_MS);

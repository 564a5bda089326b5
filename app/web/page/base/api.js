// Calls of the updater's HTTP API, with the session's cookie.
export class NotLoggedIn extends Error {}
export class Refused extends Error {
  constructor(status, body) {
    super(body?.error || `The updater answered ${status}.`);
    this.status = status;
    this.code = body?.code;
  }
}

const COMMON = { credentials: "same-origin", cache: "no-store" }, LIMIT_MS = 20_000, PATIENT_MS = 120_000;

const NO_ANSWER = "The updater does not answer. Your traffic does not go through it.", CLOCK_MS = 5_000;
let ahead = 0;

/** The present by the updater's clock, in milliseconds: the reader's own may be wrong. */
export const now = () => Date.now() + ahead;

function setClock(answer) {
  const off = Date.parse(answer.headers.get("Date")) - Date.now();
  if (!Number.isNaN(off)) ahead = Math.abs(off) > CLOCK_MS ? off : 0;
}

async function answered(path, options) {
  let answer;
  const signal = AbortSignal.timeout(/plan|\/update\/(apply|rollback)/.test(path) ? PATIENT_MS : LIMIT_MS);
  try { answer = await fetch(path, { ...COMMON, signal, ...options }); }
  catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Error(NO_ANSWER);
  }
  setClock(answer);
  if (answer.status === 401 && path !== "/login") throw new NotLoggedIn("Log in first.");
  return answer;
}

async function content(answer) {
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, body);
  if (body == null) throw new Error(NO_ANSWER);
  return body;
}

export const read = async (path) => content(await answered(path));

export async function change(path, body = {}) {
  const headers = { "Content-Type": "application/json", "X-Updater-Request": "dashboard" };
  return content(await answered(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

let seen = { tag: null, status: null };

/** The status, or null if it is the one from before. */
export async function readStatus() {
  const answer = await answered("/status", { headers: seen.tag ? { "If-None-Match": seen.tag } : {} });
  if (answer.status === 304) return null;
  const status = await content(answer);
  seen = { tag: answer.headers.get("ETag"), status };
  return status;
}
export const forgetStatus = () => { seen = { tag: null, status: null }; };

/** Calls `begin` with how many of the log's lines are missing, then `take` with each part of its text, until it ends. */
export async function readLog(rollout, follow, signal, begin, take) {
  const answer = await answered(`/update/rollouts/${encodeURIComponent(rollout)}/log?follow=${follow ? 1 : 0}`, { signal });
  if (!answer.ok) throw new Refused(answer.status, await answer.json().catch(() => null));
  begin(Number(answer.headers.get("Updater-Lines-Dropped")));
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) take(part.value);
}

// The pages of this updater that one browser shows share its connections: it opens at most six to one server for all of
// its tabs and windows, and an answer that never ends holds one. So only pages that are seen hold such answers: the
// first of them reads the events for all, and the first few follow a log. https://www.rfc-editor.org/rfc/rfc9112#section-9.4
const BEAT_MS = 4_000, LOST_MS = 10_000, SETTLE_MS = 200, LOGS = 3;

const channel = new BroadcastChannel("updater-pages"), others = new Map(), readers = new Set();
let own = null, settled = false, before = null, take = () => {};

const stamp = () => `${(performance.timeOrigin + performance.now()).toFixed(1).padStart(16, "0")}-${Math.random().toString(36).slice(2)}`;
const say = (kind, more) => channel.postMessage({ kind, id: own, ...more });

/** This page's place among the pages that are seen, from 0, in the order in which they were opened; null without one. */
export function place() {
  if (!own || !settled) return null;
  return [...others.keys()].filter((id) => id < own).length;
}
export const readsEvents = () => place() === 0;
export const mayFollowLog = () => place() != null && place() < LOGS;

/** Calls `reader` after each change of the place, until `signal` ends that. */
export function onPlace(reader, signal) {
  readers.add(reader);
  signal?.addEventListener("abort", () => readers.delete(reader));
}

/** Sends what the first page has read to the others, which get it with `onShared`. */
export const share = (content) => say("shared", { content });
export const onShared = (taker) => { take = taker; };

function changed() {
  const now = place();
  if (now === before) return;
  before = now;
  for (const reader of readers) reader();
}

channel.onmessage = ({ data: { kind, id, content } }) => {
  if (kind === "shared") { take(content); return; }
  const known = others.has(id);
  if (kind === "here") others.set(id, Date.now()); else others.delete(id);
  if (kind === "here" && !known && own) say("here");
  changed();
};

function enter() {
  if (own) return;
  own = stamp();
  say("here");
  setTimeout(() => { settled = own != null; changed(); }, SETTLE_MS);
}

function exit() {
  if (!own) return;
  say("gone");
  own = null;
  settled = false;
  changed();
}

function beat() {
  for (const [id, heard] of others) if (Date.now() - heard > LOST_MS) others.delete(id);  // it crashed, or was frozen
  if (own) say("here");
  changed();
}

document.addEventListener("visibilitychange", () => (document.hidden ? exit() : enter()));
window.addEventListener("pagehide", exit);
window.addEventListener("pageshow", () => { if (!document.hidden) enter(); });
setInterval(beat, BEAT_MS);
if (!document.hidden) enter();

// The one store: what the updater says, and who is looking. Views subscribe, and are called after each change.
import { NotLoggedIn, forgetStatus, now, read, readStatus } from "./api.js";
import { onPlace, onShared, readsEvents, share } from "./tabs.js";

const POLL_MS = 10_000, HIDDEN_POLL_MS = 60_000, TRAFFIC_MS = 2_000, RETRY_MS = 3_000, SKEW_MS = 10_000;

export const store = {
  session: null, status: null, history: [], usual: null, traffic: null, record: null, connection: "connecting", loggedOut: false,
};
const readers = new Set();
let source = null, last = "", timers = [], looking = null, again = false, stale = true;

export const subscribe = (reader) => { readers.add(reader); };
export const notify = () => { for (const reader of readers) reader(); };
export const mayOperate = () => store.session?.scope === "operate";
const set = (fields) => { Object.assign(store, fields); notify(); };

/** Reads the status, and what belongs to it if that has changed. Calls that overlap become one more look. */
export async function look() {
  if (looking) { again = true; return looking; }
  looking = lookOnce().finally(() => { looking = null; });
  await looking;
  if (again) { again = false; await look(); }
}

async function lookOnce() {
  try {
    if (!store.session) {
      const session = await read("/session");
      if (!session.kind) { leave(); return; }
      store.session = session;
    }
    const status = await readStatus();
    const fields = { connection: "live", loggedOut: false };
    if (status) Object.assign(fields, { status }, await beside(status));
    set(fields);
    listen();
  } catch (problem) {
    if (problem instanceof NotLoggedIn) leave();
    else { forgetStatus(); set({ connection: problem.message }); }  // what was read is not shown: the next look reads it again
  }
}

async function beside(status) {
  const id = status.rollout?.id ?? null;
  const record = id ? await read(`/update/rollouts/${encodeURIComponent(id)}`).catch(unlessMissing) : null;
  const ended = status.last_result?.completed_at !== store.status?.last_result?.completed_at;
  if (!stale && !ended) return { record };
  stale = false;
  try {
    const [{ entries }, usual] = await Promise.all([read("/update/history?limit=30"), read("/update/usual")]);
    return { history: entries, usual, record };
  } catch (problem) { stale = true; throw problem; }
}

function unlessMissing(problem) {
  if (problem.status === 404) return null;
  throw problem;
}

async function lookAtTraffic() {
  if (!store.session || document.hidden) return;
  try { set({ traffic: await read("/update/traffic") }); } catch { /* the next look tries again */ }
}

/** Reads the events, if this page is the one that does it for all of the browser's pages. */
function listen() {
  last ||= String(Math.floor(now() - SKEW_MS));  // an event's id begins with its time: none is missed from now on
  if (!store.session || !readsEvents()) { stop(); return; }
  if (source) return;
  source = new EventSource(`/update/events?last_event_id=${last}`);
  source.onmessage = (message) => {
    const content = { id: message.lastEventId, event: JSON.parse(message.data) };
    happened(content);
    share(content);
  };
  source.onerror = () => {
    set({ connection: "connection lost, retrying" });
    if (source?.readyState === EventSource.CLOSED) { source = null; setTimeout(look, RETRY_MS); }
  };
  source.onopen = () => { stale = true; look(); };
}

function stop() { source?.close(); source = null; }

function happened({ id, event }) {
  if (!store.session) return;
  last = id;
  if (/^(rollout|release)\./.test(event.type)) stale = true;
  document.dispatchEvent(new CustomEvent("updater-event", { detail: event }));
  look();
}

/** Ends the session on this page: shows the login. */
export function leave() {
  stop(); last = ""; stale = true; forgetStatus();
  set({ session: null, status: null, history: [], record: null, traffic: null, loggedOut: true, connection: "not logged in" });
}

export function start() {
  timers.forEach(clearInterval);
  timers = [
    setInterval(() => { if (!store.loggedOut && !document.hidden) look(); }, POLL_MS),
    setInterval(() => { if (!store.loggedOut && document.hidden) look(); }, HIDDEN_POLL_MS),  // for its title
    setInterval(lookAtTraffic, TRAFFIC_MS),
  ];
  onPlace(listen);
  onShared(happened);
  document.addEventListener("visibilitychange", () => { if (!document.hidden && !store.loggedOut) { look(); lookAtTraffic(); } });
  return look().then(lookAtTraffic);
}

// The login, by the shared secret or by a link of `updater token --login`, and the logout.
import { change } from "../base/api.js";
import { complain } from "../base/dialog.js";
import { h } from "../base/dom.js";
import { leave, look, notify, store } from "../base/store.js";

const LINK = "#login=";
const LINK_GONE = "This link has expired, or was used before. Create a new one, or use the secret.";
let problem = "", kept = "";

/** Uses the link in the address, and removes it from there. Resolves to whether there was one. */
export async function useLink() {
  if (!location.hash.startsWith(LINK)) return false;
  kept = location.hash.slice(LINK.length);
  history.replaceState(null, "", location.pathname);
  await logInWithLink();
  return true;
}

/** What is answered without a decision, as while Redis is away, does not use the link up: it is kept for another try. */
async function logInWithLink() {
  try { await change("/login", { link: kept }); problem = kept = ""; }
  catch (refused) {
    problem = refused.status === 401 ? LINK_GONE : refused.message;
    if (refused.status === 401) kept = "";
  }
}

async function tryAgain() {
  await logInWithLink();
  if (kept || problem) notify(); else await look();
}

export function loginView() {
  return h("section", { cls: "card login", "aria-labelledby": "login-title" },
    h("h1", { id: "login-title" }, "Log in"),
    h("form", { id: "login", onsubmit: submit },
      h("input", { type: "text", autocomplete: "username", value: "updater", hidden: true, "data-own": true }),
      h("label", { for: "secret" }, "The shared secret"),
      h("input", { id: "secret", type: "password", autocomplete: "current-password", required: true, "data-own": true, "aria-describedby": "secret-help" }),
      h("button", { type: "submit", cls: "main" }, "Log in")),
    h("p", { id: "login-problem", cls: "bad", role: "alert" }, problem),
    kept ? h("button", { type: "button", id: "again", onclick: tryAgain }, "Try the link again") : null,
    h("p", { id: "secret-help", cls: "muted" }, "It is the first line of the file at ", h("code", null, "UPDATER_SECRET_PATH"), ". Without it: ",
      h("code", null, "updater token --login --scope operate"), " on the updater's host prints a link that works once."));
}

async function submit(event) {
  event.preventDefault();
  const field = document.getElementById("secret"), secret = field.value;
  field.value = "";
  try { await change("/login", { secret }); problem = kept = ""; await look(); document.getElementById("main").focus(); }
  catch (refused) { problem = refused.status === 401 ? "The secret is wrong." : refused.message; notify(); field.focus(); }
}

export async function logOut() {
  try { await change("/logout"); leave(); document.getElementById("secret")?.focus(); }
  catch (refused) { complain(refused.message); }
  return store;
}

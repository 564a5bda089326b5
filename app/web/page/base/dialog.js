// Questions before something changes, and what went wrong.
import { NotLoggedIn, change } from "./api.js";
import { h, show } from "./dom.js";
import { leave, look } from "./store.js";

const box = () => document.getElementById("dialog");

export function complain(text) {
  const problem = document.getElementById("problem");
  problem.textContent = text;
  problem.hidden = !text;
}

/** Asks, and resolves to the text that was written (an empty one without a `label`), or to null.
 *
 * Enter alone confirms nothing: the focus begins on the button that keeps everything, or in the field, which needs a text. */
export function ask({ title, text, action, label, danger = false }) {
  const dialog = box();
  const field = label ? h("input", { id: "dialog-field", type: "text", required: true, maxlength: 1000, autocomplete: "off" }) : null;
  const keep = h("button", { value: "", type: "button", onclick: () => dialog.close("") }, "Keep as it is");
  show(dialog);
  show(dialog, h("form", { method: "dialog" },
    h("h2", { id: "dialog-title" }, title), [text].flat().map((each) => h("p", null, each)),
    label ? [h("label", { for: "dialog-field" }, label), field] : null,
    h("div", { cls: "buttons" },
      h("button", { value: "yes", cls: danger ? "danger" : "main" }, action), keep)));
  dialog.returnValue = "";
  dialog.showModal();
  (field ?? keep).focus();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "yes" ? field?.value.trim() ?? "" : null);
  });
}

/** Makes a change and looks again. What is refused is said. Returns the answer, or null. */
export async function act(path, body) {
  complain("");
  try { return await change(path, body); }
  catch (problem) {
    if (problem instanceof NotLoggedIn) leave(); else complain(problem.message);
    return null;
  } finally { await look(); }
}

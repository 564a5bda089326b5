// Builds elements, and patches the page so that nothing flickers: a node that stays keeps its focus and its scroll.
// Text from the updater only ever becomes text, so that nothing in a release can become markup.
const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) node[name] = value;
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else node.setAttribute(name === "cls" ? "class" : name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false && child !== ""));
  return node;
}

export const h = (name, props, ...children) => fill(document.createElement(name), props, children);
export const s = (name, props, ...children) => fill(document.createElementNS(SVG, name), props, children);

const HANDLERS = ["onclick", "onsubmit", "oninput", "onchange"];
const keyOf = (node) => node.id || node.dataset?.key || "";
const same = (one, other) => one.nodeName === other.nodeName && keyOf(one) === keyOf(other);

/** Makes the children of `parent` those in `children`. */
export function show(parent, ...children) {
  patchChildren(parent, h("div", null, ...children));
}

function patchChildren(old, made) {
  const keyed = new Map([...old.childNodes].filter(keyOf).map((node) => [keyOf(node), node]));
  let at = old.firstChild;
  for (const wanted of [...made.childNodes]) {
    const known = keyed.get(keyOf(wanted));
    const match = known && same(known, wanted) ? known : at && !keyOf(at) && same(at, wanted) ? at : null;
    if (!match) { old.insertBefore(wanted, at); continue; }
    if (match === at) at = at.nextSibling; else old.insertBefore(match, at);
    patch(match, wanted);
  }
  while (at) { const next = at.nextSibling; at.remove(); at = next; }
}

function patch(old, made) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== made.nodeValue) old.nodeValue = made.nodeValue;
    return;
  }
  if (old.hasAttribute("data-own")) return;  // what a person wrote there, or what another module fills, stays
  for (const { name } of [...old.attributes]) if (!made.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  for (const { name, value } of made.attributes) {
    if (name === "open" || old.getAttribute(name) === value) continue;
    if (name === "style") old.style.cssText = value;  // the content security policy refuses the attribute
    else old.setAttribute(name, value);
  }
  for (const name of HANDLERS) if (old[name] !== made[name]) old[name] = made[name];
  patchChildren(old, made);
}

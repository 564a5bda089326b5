// Loads the page again if one of its files did not arrive: the network changed meanwhile, as when a laptop wakes up,
// or another version of the updater answers, which has files of its own. No module, so that it runs before them.
const RELOAD_MS = 1_000;

window.addEventListener("error", ({ target }) => {
  if (target instanceof HTMLScriptElement || target instanceof HTMLLinkElement) setTimeout(() => location.reload(), RELOAD_MS);
}, true);

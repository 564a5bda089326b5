// Goes to another view of the page, as a link does.
export function go(path) {
  if (path !== location.pathname) history.pushState(null, "", path);
  window.dispatchEvent(new PopStateEvent("popstate"));
  window.scrollTo(0, 0);
  document.getElementById("main").focus({ preventScroll: true });
}

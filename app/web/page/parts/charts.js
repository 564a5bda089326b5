// Small live charts: the answers of one color, as lines in the page's own SVG.
import { now } from "../base/api.js";
import { h, s } from "../base/dom.js";
import { milliseconds, rate } from "../base/format.js";

const WIDTH = 160, HEIGHT = 34, SECONDS_SHOWN = 300, STALE_MS = 60_000;

const METRICS = [
  { name: "Requests", of: (color) => color.requests, text: (value) => (value == null ? "–" : `${rate(value)}/s`), least: 1 },
  { name: "Errors", of: (color) => color.errors, text: (value) => (value == null ? "–" : `${rate(value)}/s`), least: 0.2, alarming: true },
  { name: "Latency", of: (color) => color.mean_ms, text: milliseconds, least: 10 },
];

/** The samples of the last minutes, with `ago`: seconds before the newest. */
function recent(traffic) {
  const samples = traffic?.samples ?? [], newest = samples.length ? Date.parse(samples.at(-1).at) : 0;
  if (traffic?.unknown || now() - newest > STALE_MS) return [];
  return samples.map((sample) => ({ ...sample, ago: (newest - Date.parse(sample.at)) / 1000 })).filter(({ ago }) => ago <= SECONDS_SHOWN);
}

export function trafficNow(traffic, color) {
  return recent(traffic).at(-1)?.colors[color]?.requests ?? null;
}

/** The charts of `color`; both colors share the scale of each. Empty without samples. */
export function charts(traffic, color) {
  const samples = recent(traffic);
  if (samples.length < 2 || !samples.some((sample) => sample.colors[color]?.requests)) return [];
  return METRICS.map((metric) => {
    const all = samples.flatMap((sample) => Object.values(sample.colors).map(metric.of)).filter((value) => value != null);
    const top = Math.max(metric.least, ...all);
    return chart(metric, samples.map((sample) => [sample.ago, sample.colors[color] ? metric.of(sample.colors[color]) : null]), top, color);
  });
}

function chart(metric, points, top, color) {
  const span = Math.max(30, ...points.map(([ago]) => ago));
  const x = (ago) => WIDTH * (1 - ago / span), y = (value) => HEIGHT - 2 - (HEIGHT - 5) * (value / top);
  const runs = [[]];
  for (const [ago, value] of points) if (value == null) runs.push([]); else runs.at(-1).push([x(ago), y(value)]);
  const lines = runs.filter((run) => run.length);
  const last = points.at(-1)[1], bad = metric.alarming && last > 0;
  const path = (run) => `M${run.map(([a, b]) => `${a.toFixed(1)} ${b.toFixed(1)}`).join("L")}`;
  const words = `${metric.name} of ${color} in the last ${Math.round(span / 60) || 1} min: now ${metric.text(last)}, at most ${metric.text(top)}`;
  return h("div", { cls: `chart${bad ? " bad" : ""}`, "data-key": metric.name },
    h("span", { cls: "chart-name" }, metric.name), h("span", { cls: "chart-value" }, metric.text(last)),
    s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": words },
      s("line", { cls: "base", x1: 0, x2: WIDTH, y1: HEIGHT - 1, y2: HEIGHT - 1 }),
      lines.map((run) => [
        s("path", { cls: "area", d: `${path(run)}L${run.at(-1)[0].toFixed(1)} ${HEIGHT}L${run[0][0].toFixed(1)} ${HEIGHT}Z` }),
        s("path", { cls: "line", d: path(run) })])));
}

/** A bar of `seconds`, with a mark at the usual ones. `most`: what fills the width. */
export function bar(seconds, usual, most) {
  const part = (value) => `${Math.min(100, (100 * value) / (most || 1)).toFixed(2)}%`;
  return h("span", { cls: `bar${usual && seconds > 2 * usual && seconds - usual > 2 ? " slow" : ""}`, "aria-hidden": "true" },
    h("span", { cls: "bar-fill", "--w": part(seconds ?? 0) }),
    usual != null ? h("span", { cls: "bar-usual", "--x": part(usual) }) : null);
}

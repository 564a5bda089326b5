// What a rollout changed against the release before: commits, services, variables by name, images, origin of files.
import { h } from "../base/dom.js";
import { short } from "../base/format.js";
import { store } from "../base/store.js";

const evidenceOf = (record, name) => (record?.steps ?? []).findLast?.((step) => step.name === name)?.evidence ?? {};

export function changes(record, before) {
  const read = evidenceOf(record, "git_checkout_tag"), built = evidenceOf(record, "docker_build").images ?? {};
  const parts = [["Commits", commits(record)], ["Images", images(built, evidenceOf(before, "docker_build").images)], ["Variables", variables(read.environment)],
    ["Services", services(record, read)], ["Files", files(read.files)]].filter(([, content]) => content);
  if (!parts.length) return null;
  return h("section", { cls: "card", "data-key": "changes", "aria-labelledby": "changes-title" },
    h("h2", { id: "changes-title" }, record.previous ? `What changed against ${record.previous.tag}` : "What it consists of"),
    h("dl", { cls: "facts" }, parts.map(([name, content]) => [h("dt", null, name), h("dd", null, content)])));
}

function commits({ sha, previous }) {
  if (!sha) return null;
  const from = previous?.sha, link = compareLink(from, sha);
  const words = from && from !== sha ? [h("code", null, short(from)), " → ", h("code", null, short(sha))] : h("code", null, short(sha));
  return link ? [words, " · ", link] : words;
}

/** A link to what the repository's server shows of the commits between both; null if it is not known. */
export function compareLink(from, to) {
  const repository = store.status.repository?.name ?? "", forge = store.status.forge_url ?? "", sha = /^[0-9a-f]{40,64}$/;
  if (!/^https?:\/\//.test(forge) || !/^[\w.-]+\/[\w.-]+$/.test(repository) || from === to || !sha.test(from) || !sha.test(to)) return null;
  return h("a", { href: `${forge}/${repository}/compare/${from}...${to}`, rel: "noreferrer" }, "Compare both commits");
}

function images(now, before) {
  const names = Object.keys(now);
  if (!names.length) return null;
  if (!before) return `${names.length}: ${names.join(", ")}`;
  const changed = names.filter((name) => bare(now[name]) !== bare(counterpart(before, name)));
  const same = names.filter((name) => !changed.includes(name));
  return [["new", changed], ["unchanged", same]].filter(([, each]) => each.length).map(([word, each]) => `${word}: ${each.join(", ")}`).join("; ");
}

const bare = (id) => String(id ?? "");
/** The image of the same service before, which ran in the other color. */
function counterpart(images, name) {
  const other = name.endsWith("-blue") ? name.replace(/-blue$/, "-green") : name.replace(/-green$/, "-blue");
  return images[name] ?? images[other];
}

function variables(environment) {
  const all = Object.entries(environment ?? {});
  if (!environment) return null;
  if (!all.length) return "none";
  const words = ({ added = [], removed = [], changed = [] }) => [["added", added], ["removed", removed], ["changed", changed]]
    .filter(([, names]) => names.length).map(([word, names]) => `${word} ${names.join(", ")}`).join("; ");
  return h("ul", { cls: "plain" }, all.map(([service, change]) => h("li", null, h("strong", null, service), `: ${words(change)}`)));
}

function services(record, read) {
  const moved = (record.steps ?? []).map(({ name }) => /^(start|restart|follow)_(.+)$/.exec(name)).filter(Boolean);
  const words = { start: "new copy", restart: "handed over", follow: "replaced" };
  const lines = [...new Set(moved.map(([, kind, name]) => `${name}: ${words[kind]}`)), ...(read.not_applied ?? []).map((text) => `${text} (not applied: do it by hand)`)];
  return lines.length ? h("ul", { cls: "plain" }, lines.map((line) => h("li", null, line))) : null;
}

function files(all) {
  const { release = [], live = [] } = all ?? {};
  if (!release.length && !live.length) return null;
  const list = (name, paths) => (paths.length ? h("li", null, `${name}: `, paths.map((path, index) => [index ? ", " : "", h("code", null, path)])) : null);
  return h("ul", { cls: "plain" }, list("from the release", release), list("from the live directory", live));
}

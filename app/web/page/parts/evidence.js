// What a step proved, in a few words.
import { bytes, count, duration, milliseconds } from "../base/format.js";

const RULES = [
  [(e) => e.skipped, (e) => `not needed: ${e.skipped}`],
  [(e) => e.flip_ms != null, (e) => `confirmed after ${milliseconds(e.flip_ms)}`],
  [(e) => e.rollback_ms != null, (e) => `back after ${milliseconds(e.rollback_ms)}`],
  [(e) => e.gap_seconds != null, (e) => `down for ${duration(e.gap_seconds)}`],
  [(e) => e.traffic, (e) => clients(e.traffic) ?? probes(e)],
  [(e) => e.freed_bytes != null, (e) => (e.freed_bytes ? `freed ${bytes(e.freed_bytes)}` : "nothing to free")],
  [(e) => e.images, (e) => images(Object.keys(e.images).length)],
  [(e) => e.disk_gb != null, (e) => `free: ${e.disk_gb} GB disk, ${(e.memory_mb / 1000).toFixed(1)} GB memory`],
  [(e) => e.sha, (e) => e.sha.slice(0, 12)],
  [(e) => e.instances, (e) => `${e.instances.length} started${e.stopped?.length ? `, ${e.stopped.length} stopped` : ""}`],
  [(e) => e.copies > 1, (e) => `${e.copies} copies`],
  [(e) => e.again, () => "ran again"],
];

const images = (number) => `${number} image${number === 1 ? "" : "s"}`;
const probes = (e) => (e.requests == null ? "" : `${count(e.requests)} probes, ${count(e.errors)} errors`);

/** Requests and 5xx answers of all services; null if they were not counted. */
export function clients(traffic) {
  const counts = Object.values(traffic ?? {}).filter((each) => typeof each === "object" && each);
  if (!counts.length) return null;
  const sum = (name) => counts.reduce((all, each) => all + (each[name] ?? 0), 0);
  return `${count(sum("requests"))} requests, ${count(sum("errors"))} failed`;
}

export function said(evidence) {
  const rule = RULES.find(([fits]) => fits(evidence ?? {}));
  return rule ? rule[1](evidence) : "";
}

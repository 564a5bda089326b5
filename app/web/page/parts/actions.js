// What an operator can do. Each asks first, and says what it means for traffic.
import { act, ask } from "../base/dialog.js";
import { short } from "../base/format.js";
import { store } from "../base/store.js";

export async function pause() {
  const reason = await ask({ title: "Pause rollouts?", label: "Why", action: "Pause",
    text: "No rollout starts until you unpause. Releases are still accepted, and wait. A running rollout goes on. Traffic is unchanged." });
  if (reason) await act("/update/pause", { reason });
}

export async function unpause() {
  const { queued, held } = store.status, waiting = [...queued, ...held];
  const text = waiting.length ? `The newest of ${waiting.join(", ")} starts at once, if nothing else holds it.` : "No release is waiting. The next one starts by itself.";
  if (await ask({ title: "Unpause rollouts?", text, action: "Unpause" }) != null) await act("/update/unpause");
}

export async function cancel(rollout, tag) {
  const text = `${tag} does not go live. Traffic stays on the live release. This is possible until the flip.`;
  if (await ask({ title: `Cancel ${tag}?`, text, action: `Cancel ${tag}`, danger: true }) != null) await act("/update/cancel", { rollout_id: rollout });
}

export async function approve(held) {
  const { tag, commit } = held;
  const text = held.moved_from ? `The tag moved from ${short(held.moved_from)} to ${short(commit)}. Compare both commits first.`
    : `It goes live as soon as nothing else holds it.${commit ? " If its tag moves before that, it needs a new approval." : " The commit of its tag is not known yet."}`;
  const sure = await ask({ title: `Approve ${tag}${commit ? ` (${short(commit)})` : ""}?`, text, action: `Approve ${tag}` });
  if (sure != null) await act("/update/approve", commit ? { tag, commit } : { tag });
}

/** Deploys the commit that `plan` shows, and no other. */
export async function deploy(plan) {
  const { tag } = plan, text = plan.blocked_by.length ? `It would not start now: ${plan.blocked_by.join(" ")}` : "Traffic moves to it only when it is healthy, and back if it fails.";
  if (await ask({ title: `Deploy ${tag} (${short(plan.sha)})?`, text, action: `Deploy ${tag}` }) == null) return null;
  return act("/update/apply", { tag, commit: plan.sha });
}

export async function rollBack(plan) {
  const text = [`Traffic moves back to ${plan.tag} without a build. Rollouts are then paused.`, ...(plan.lacks.length ? [`${plan.lacks.join(", ")} lose their route and stop.`] : [])];
  if (await ask({ title: `Roll back to ${plan.tag}?`, text, action: `Roll back to ${plan.tag}`, danger: true }) == null) return null;
  return act("/update/rollback", plan.sha ? { previous_sha: plan.sha } : {});
}

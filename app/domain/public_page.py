"""Where people open the updater's pages, for links in messages, on GitHub and on the command line."""

from urllib.parse import quote

ROLLOUT_ID = "{rollout_id}"
"""Stands for the id of a rollout in `github/log_url` of the stack file."""


def page_of(public_url: str | None, rollout_id: str | None = None) -> str | None:
    """The URL of that rollout's page, or of the dashboard without one; None without a `public_url`.

    `public_url`: without a slash at its end.
    """
    if public_url is None:
        return None
    return f"{public_url}/rollouts/{quote(rollout_id, safe='')}" if rollout_id else f"{public_url}/"


def page_template(public_url: str | None) -> str | None:
    """As `page_of`, with ROLLOUT_ID in place of the rollout's id."""
    return f"{public_url}/rollouts/{ROLLOUT_ID}" if public_url else None

"""Creates a `release` delivery, signed as GitHub signs it."""

import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

REPOSITORY = "zetherion/sample-stack"
REPOSITORY_ID = 186853002
HOOK_ID = 1
MADE_AT = "2026-01-01T00:00:00Z"
"""When the repository, its webhook and its commits were made."""

_ACCOUNT_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}


def release_event(
    tag: str,
    release_id: int,
    *,
    repository: str = REPOSITORY,
    repository_id: int = REPOSITORY_ID,
    action: str = "published",
    draft: bool = False,
    prerelease: bool = False,
    published_at: str = "",
) -> bytes:
    """Creates the body of a `release` event, such as `published`, or `unpublished` of a draft.

    Its release and accounts have every field of a recorded delivery.

    `published_at`: as GitHub's API has it; by default, now.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#release
    """
    owner = account(repository.partition("/")[0])
    flags = {"author": owner, "draft": draft, "prerelease": prerelease}
    release = release_body(tag, release_id, repository, published_at or now()) | flags
    if draft:
        release["published_at"] = None
    event = {
        "action": action,
        "release": release,
        "repository": _repository(repository, repository_id) | {"owner": owner},
        "sender": owner,
    }
    return json.dumps(event).encode()


def form_encoded(body: bytes) -> bytes:
    """Encodes the body of an event as GitHub does by default, for a webhook with the content type of a form.

    https://docs.github.com/en/webhooks/using-webhooks/creating-webhooks
    """
    return urlencode({"payload": body}).encode()


def signed_headers(
    body: bytes, secret: str, event: str = "release", delivery: str | None = None, *, form: bool = False
) -> dict[str, str]:
    """Creates the headers of a delivery. `delivery`: the id of a redelivery; else the id is new. `form`: its encoding.

    The signature is that of the body as it is sent.

    https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers
    """
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/x-www-form-urlencoded" if form else "application/json",
        "User-Agent": "GitHub-Hookshot/demo",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery or str(uuid.uuid4()),
        "X-GitHub-Hook-ID": str(HOOK_ID),
        "X-Hub-Signature-256": f"sha256={signature}",
    }


def now() -> str:
    """The time as GitHub's API writes it, in whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def release_body(tag: str, release_id: int, repository: str, published_at: str) -> dict[str, Any]:
    """Creates a release without `author`, `draft` and `prerelease`."""
    home, api = f"https://github.com/{repository}", f"https://api.github.com/repos/{repository}"
    return {
        "url": f"{api}/releases/{release_id}",
        "assets_url": f"{api}/releases/{release_id}/assets",
        "upload_url": f"https://uploads.github.com/repos/{repository}/releases/{release_id}/assets{{?name,label}}",
        "html_url": f"{home}/releases/tag/{tag}",
        "id": release_id,
        "node_id": f"RE_{release_id}",
        "tag_name": tag,
        "target_commitish": "main",
        "name": tag,
        "created_at": published_at,
        "published_at": published_at,
        "assets": [],
        "tarball_url": f"{api}/tarball/{tag}",
        "zipball_url": f"{api}/zipball/{tag}",
        "body": f"The sample stack, {tag}.",
    }


def _repository(full_name: str, repository_id: int) -> dict[str, Any]:
    home, api = f"https://github.com/{full_name}", f"https://api.github.com/repos/{full_name}"
    return {
        "id": repository_id,
        "node_id": f"R_{repository_id}",
        "name": full_name.partition("/")[2],
        "full_name": full_name,
        "private": True,
        "html_url": home,
        "description": None,
        "fork": False,
        "url": api,
        "releases_url": f"{api}/releases{{/id}}",
        "clone_url": f"{home}.git",
        "ssh_url": f"git@github.com:{full_name}.git",
        "archived": False,
        "default_branch": "main",
    }


def account(login: str) -> dict[str, Any]:
    """Creates a user as in every answer of GitHub."""
    api = f"https://api.github.com/users/{login}"
    return {
        "login": login,
        "id": 1,
        "node_id": "U_1",
        "avatar_url": "https://avatars.githubusercontent.com/u/1?v=4",
        "gravatar_id": "",
        "url": api,
        "html_url": f"https://github.com/{login}",
        **{name: api + path for name, path in _ACCOUNT_LINKS.items()},
        "type": "User",
        "site_admin": False,
    }

"""GitHub's part of the demo: a `release` delivery, signed as GitHub signs it."""

import hashlib
import hmac
import json
import uuid
from typing import Any

REPOSITORY = "zetherion/sample-stack"
REPOSITORY_ID = 186853002


def release_event(
    tag: str, release_id: int, *, action: str = "published", draft: bool = False, prerelease: bool = False
) -> bytes:
    """The body of a `release` event of the sample stack, with the fields that GitHub sends and anyone reads."""
    home = f"https://github.com/{REPOSITORY}"
    release: dict[str, Any] = {
        "id": release_id,
        "html_url": f"{home}/releases/tag/{tag}",
        "tag_name": tag,
        "target_commitish": "main",
        "name": tag,
        "draft": draft,
        "prerelease": prerelease,
        "body": f"The sample stack, {tag}.",
        "assets": [],
    }
    owner, _, name = REPOSITORY.partition("/")
    repository = {"id": REPOSITORY_ID, "name": name, "full_name": REPOSITORY, "owner": {"login": owner}}
    event = {"action": action, "release": release, "repository": repository, "sender": {"login": owner}}
    return json.dumps(event).encode()


def signed_headers(body: bytes, secret: str, event: str = "release") -> dict[str, str]:
    """https://docs.github.com/en/webhooks/webhook-events-and-payloads#delivery-headers"""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/demo",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
    }

"""The answers of the demo's GitHub, with every field that GitHub's API description requires."""

from deploy.demo.clients import Json
from deploy.demo.github.delivery import HOOK_ID, MADE_AT, account, now, release_body

_PARTS = (
    *("archive", "assignees", "blobs", "branches", "collaborators", "comments", "commits", "compare", "contents"),
    *("contributors", "deployments", "downloads", "events", "forks", "git_commits", "git_refs", "git_tags"),
    *("issue_comment", "issue_events", "issues", "keys", "labels", "languages", "merges", "milestones"),
    *("notifications", "pulls", "releases", "stargazers", "statuses", "subscribers", "subscription", "tags", "teams"),
    *("trees", "hooks"),
)
_COUNTS = ("forks", "stargazers", "watchers", "open_issues", "subscribers", "network")
_FLAGS = ("issues", "projects", "wiki", "pages", "discussions")


def repository_answer(full_name: str, repository_id: int, api: str) -> Json:
    """https://docs.github.com/en/rest/repos/repos#get-a-repository"""
    owner, _, name = full_name.partition("/")
    home, url = f"https://github.com/{full_name}", f"{api}/repos/{full_name}"
    return {
        "id": repository_id,
        "node_id": f"R_{repository_id}",
        "name": name,
        "full_name": full_name,
        "owner": account(owner),
        "private": False,
        "html_url": home,
        "description": None,
        "fork": False,
        "url": url,
        **{f"{part}_url": f"{url}/{part}" for part in _PARTS},
        **{f"{count}_count": 0 for count in _COUNTS},
        **{f"has_{flag}": False for flag in _FLAGS},
        **dict.fromkeys(("git_url", "ssh_url", "clone_url", "svn_url"), f"{home}.git"),
        **dict.fromkeys(("mirror_url", "homepage", "language", "license")),
        **dict.fromkeys(("size", "forks", "open_issues", "watchers"), 0),
        **dict.fromkeys(("pushed_at", "created_at", "updated_at"), MADE_AT),
        "default_branch": "main",
        "archived": False,
        "disabled": False,
    }


def release_answer(tag: str, release_id: int, repository: str, *, draft: bool, prerelease: bool) -> Json:
    """https://docs.github.com/en/rest/releases/releases#list-releases"""
    body, author = release_body(tag, release_id, repository, now()), account(repository.partition("/")[0])
    flags = {"author": author, "draft": draft, "prerelease": prerelease, "immutable": False}
    return body | flags | ({"published_at": None} if draft else {})


def commit_answer(sha: str, repository: str, api: str) -> Json:
    """https://docs.github.com/en/rest/commits/commits#get-a-commit"""
    url, owner = f"{api}/repos/{repository}/commits/{sha}", account(repository.partition("/")[0])
    person = {"name": "Demo", "email": "demo@example.invalid", "date": MADE_AT}
    unsigned = {"verified": False, "reason": "unsigned", "payload": None, "signature": None, "verified_at": None}
    inner = {
        "url": url,
        "author": person,
        "committer": person,
        "message": "Release",
        "comment_count": 0,
        "tree": {"sha": sha, "url": url},
        "verification": unsigned,
    }
    links = {"url": url, "html_url": url, "comments_url": f"{url}/comments"}
    return {"sha": sha, "node_id": f"C_{sha}", "commit": inner, **links, "author": owner, "committer": owner} | {
        "parents": []
    }


def deployment_answer(number: int, asked: Json, sha: str, repository: str, api: str) -> Json:
    """https://docs.github.com/en/rest/deployments/deployments#create-a-deployment"""
    url = f"{api}/repos/{repository}/deployments/{number}"
    at = now()
    return {
        "url": url,
        "id": number,
        "node_id": f"DE_{number}",
        "sha": sha,
        "ref": asked["ref"],
        "task": asked.get("task", "deploy"),
        "payload": asked.get("payload", {}),
        "original_environment": asked.get("environment", "production"),
        "environment": asked.get("environment", "production"),
        "description": asked.get("description"),
        "creator": account(repository.partition("/")[0]),
        "created_at": at,
        "updated_at": at,
        "statuses_url": f"{url}/statuses",
        "repository_url": f"{api}/repos/{repository}",
        "transient_environment": False,
        "production_environment": asked.get("production_environment", True),
    }


def status_answer(number: int, asked: Json, deployment: Json) -> Json:
    """https://docs.github.com/en/rest/deployments/statuses#create-a-deployment-status"""
    at = now()
    return {
        "url": f"{deployment['statuses_url']}/{number}",
        "id": number,
        "node_id": f"DES_{number}",
        "state": asked["state"],
        "creator": deployment["creator"],
        "description": asked.get("description", ""),
        "environment": deployment["environment"],
        "target_url": asked.get("log_url", ""),
        "created_at": at,
        "updated_at": at,
        "deployment_url": deployment["url"],
        "repository_url": deployment["repository_url"],
        "environment_url": asked.get("environment_url", ""),
        "log_url": asked.get("log_url", ""),
    }


def hook_answer(url: str, repository: str, api: str) -> Json:
    """https://docs.github.com/en/rest/repos/webhooks#list-repository-webhooks"""
    own = f"{api}/repos/{repository}/hooks/{HOOK_ID}"
    return {
        "type": "Repository",
        "id": HOOK_ID,
        "name": "web",
        "active": True,
        "events": ["release"],
        "config": {"content_type": "json", "insecure_ssl": "0", "url": url},
        "updated_at": MADE_AT,
        "created_at": MADE_AT,
        "url": own,
        "test_url": f"{own}/test",
        "ping_url": f"{own}/pings",
        "deliveries_url": f"{own}/deliveries",
        "last_response": {"code": None, "status": "unused", "message": None},
    }


def delivery_answer(number: int, guid: str, status: int, action: str, repository_id: int) -> Json:
    """https://docs.github.com/en/rest/repos/webhooks#list-deliveries-for-a-repository-webhook"""
    return {
        "id": number,
        "guid": guid,
        "delivered_at": now(),
        "redelivery": False,
        "duration": 0.27,
        "status": "OK" if status < 400 else f"Invalid HTTP Response: {status}",
        "status_code": status,
        "event": "release",
        "action": action,
        "installation_id": None,
        "repository_id": repository_id,
        "throttled_at": None,
    }


def error_answer(message: str) -> Json:
    return {"message": message, "documentation_url": "https://docs.github.com/rest"}

"""Cloudflared's ingress rules, evaluated as documented: the first matching rule wins.

https://developers.cloudflare.com/cloudflare-one/connections/connect-networks/do-more-with-tunnels/local-management/configuration-file/
A hostname matches exactly, or with `*.` for one or more labels. A path is a regular expression that is searched for
in the request's path. The last rule has neither and matches everything else.
"""

import re
from collections.abc import Mapping, Sequence

Rule = Mapping[str, str]


def service_for(rules: Sequence[Rule], hostname: str, path: str) -> str:
    """The service that gets a request. Raises ValueError if the last rule does not match everything."""
    if not rules or rules[-1].keys() & {"hostname", "path"}:
        raise ValueError("the last rule has to match everything")
    return next(rule["service"] for rule in rules if _matches(rule, hostname, path))


def _matches(rule: Rule, hostname: str, path: str) -> bool:
    return _host_matches(rule.get("hostname", "*"), hostname) and re.search(rule.get("path", ""), path) is not None


def _host_matches(wanted: str, hostname: str) -> bool:
    if wanted in {"*", hostname}:
        return True
    return wanted.startswith("*.") and hostname.endswith(wanted[1:])

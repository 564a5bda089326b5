"""Cloudflared's ingress rules, evaluated as its documentation says: the first rule that fits decides.

https://developers.cloudflare.com/cloudflare-one/connections/connect-networks/do-more-with-tunnels/local-management/configuration-file/
A hostname fits as it is, or `*.` stands for one label and more; a path is a regular expression that is searched for
in the request's path. The last rule has neither, and takes the rest.
"""

import re
from collections.abc import Mapping, Sequence

Rule = Mapping[str, str]


def service_for(rules: Sequence[Rule], hostname: str, path: str) -> str:
    """The service that a request goes to. Raises ValueError where the last rule does not take everything."""
    if not rules or rules[-1].keys() & {"hostname", "path"}:
        raise ValueError("the last rule has to take everything")
    return next(rule["service"] for rule in rules if _fits(rule, hostname, path))


def _fits(rule: Rule, hostname: str, path: str) -> bool:
    return _host_fits(rule.get("hostname", "*"), hostname) and re.search(rule.get("path", ""), path) is not None


def _host_fits(wanted: str, hostname: str) -> bool:
    if wanted in {"*", hostname}:
        return True
    return wanted.startswith("*.") and hostname.endswith(wanted[1:])

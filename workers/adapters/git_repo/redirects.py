"""Where a server of git redirects to, as far as git may go there: only on the same server.

Git follows no redirect by itself (`http.followRedirects`): it would continue at the new server with the
`http.extraHeader` of the first one, which has the credential. https://git-scm.com/docs/git-config
"""

import re
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

MOVES = 3
"""How many redirects in a row to follow at most."""

TRACE = {"GIT_TRACE_CURL": "1", "GIT_TRACE_CURL_NO_DATA": "1", "GIT_TRACE_REDACT": "1"}
"""Makes git print the headers of each answer, and no credential. https://git-scm.com/docs/git"""

_REDIRECT = re.compile(r"returned error: 3\d\d\b")
_LOCATION = re.compile(r"<= Recv header: location:\s*(\S+)", re.IGNORECASE)
_ASKED = "/info/refs"


def is_redirect(lines: Iterable[str]) -> bool:
    """Whether git failed because the server redirects."""
    return any(_REDIRECT.search(line) for line in lines)


def moved_to(url: str, trace: Iterable[str]) -> str | None:
    """The repository's new address, on the server of `url`; None if the redirect leads elsewhere.

    `trace`: what git printed with TRACE.
    """
    found = [str(match[1]) for line in trace if (match := _LOCATION.search(line))]
    if not found:
        return None
    try:
        address: str = urljoin(f"{url.rstrip('/')}{_ASKED}", found[-1])
        new = urlsplit(address)
        same = (new.scheme, new.netloc.lower()) == (urlsplit(url).scheme, urlsplit(url).netloc.lower())
    except ValueError:
        return None
    if not same or not new.path.endswith(_ASKED):
        return None
    return f"{new.scheme}://{new.netloc}{new.path.removesuffix(_ASKED)}"

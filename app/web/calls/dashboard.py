"""The dashboard's page, and the files that it consists of."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from app.web.errors import error
from app.web.internal.call import Given

PAGE = Path(__file__).parent.with_name("page")
HTML = "page.html"
FIRST = {"main.js", "reload.js"}
"""The scripts that the page itself names."""

PRELOADS = b"{preloads}"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
VERSION_DIGITS = 16
FOREVER = "public, max-age=31536000, immutable"

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Only the updater's own files, no inline style or script, no text that becomes markup. https://www.w3.org/TR/CSP3/"""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(frozen=True)
class PageFile:
    content: bytes
    media_type: str


class Dashboard:
    """Serves the page and its files, which are read once. They contain no data: the page asks for it with the session.

    The address of each file has the digest of all of them, so a browser may keep it forever.
    """

    def __init__(self, folder: Path = PAGE) -> None:
        paths = (path for path in sorted(folder.rglob("*")) if path.suffix in TYPES)
        read = {p.relative_to(folder).as_posix(): PageFile(p.read_bytes(), TYPES[p.suffix]) for p in paths}
        self.version = _digest(read)
        html = read.pop(HTML)
        self._files = read
        self._page = html.content.replace(PRELOADS, _preloads(read)).replace(b"{version}", self.version.encode())

    async def page(self, _: Given) -> Response:
        """The page. Its script shows what the path names."""
        return Response(self._page, media_type=TYPES[".html"], headers={**HEADERS, "Cache-Control": "no-store"})

    async def file(self, given: Given) -> Response:
        """A file of the page. One of another version is not found: the page is loaded again."""
        params = given.request.path_params
        found = self._files.get(f"{params['folder']}/{params['name']}" if "folder" in params else params["name"])
        if found is None or params["version"] != self.version:
            return error(404, "no such file of the dashboard; load the page again", "not_found")
        return Response(found.content, media_type=found.media_type, headers={**HEADERS, "Cache-Control": FOREVER})


def _preloads(names: Iterable[str]) -> bytes:
    """Links by which a browser asks for every module at once, and not for each after the one that imports it.

    https://html.spec.whatwg.org/multipage/links.html#link-type-modulepreload
    """
    modules = (name for name in names if name.endswith(".js") and name not in FIRST)
    return "\n".join(f'<link rel="modulepreload" href="/page/{{version}}/{name}">' for name in modules).encode()


def _digest(files: Mapping[str, PageFile]) -> str:
    digest = hashlib.sha256()
    for name, file in files.items():
        digest.update(f"{name}\0{len(file.content)}\0".encode() + file.content)
    return digest.hexdigest()[:VERSION_DIGITS]

"""Asks Git LFS servers over https.

The repository's credential goes to the repository's own server only. A request for a file has the headers that the
server's answer names, and none of them on another server. No signed address is part of an error.
"""

import ipaddress
import logging
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence

import httpx

from workers.adapters.git_repo.credentials import ServerCredential
from workers.adapters.git_repo.lfs.batch import ANSWER_BYTES, MEDIA_TYPE, Download, downloads_in, question, refusal
from workers.adapters.git_repo.lfs.large_file import LargeFile, failure, is_transient_status
from workers.adapters.git_repo.remote_address import server_of

SILENT_SECONDS = 30.0
"""How long a server may be silent."""

CHUNK_BYTES = 256 * 1024
REDIRECTS_MOST = 5
_PLAIN = {"Accept-Encoding": "identity"}

Take = Callable[[bytes], Awaitable[None]]


def http_client() -> httpx.AsyncClient:
    """Trusts the machine's certificate authorities, or SSL_CERT_FILE. Follows no redirect by itself."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log whole addresses
    context = ssl.create_default_context()
    return httpx.AsyncClient(verify=context, timeout=SILENT_SECONDS, trust_env=False, follow_redirects=False)


class LfsClient:
    """Asks by `http`. `credential`: the repository's, for its own server."""

    def __init__(self, http: httpx.AsyncClient, credential: ServerCredential | None) -> None:
        self._http, self._credential = http, credential

    async def locate(self, files: Sequence[LargeFile]) -> list[Download]:
        """Where the contents of `files`, all of one server, are. Raises GitFailed."""
        server = files[0].server
        own = self._credential if self._credential and self._credential.server == server_of(server) else None
        headers = {**_PLAIN, "Accept": MEDIA_TYPE, "Content-Type": MEDIA_TYPE}
        if own is not None:
            headers["Authorization"] = own.header
        content = bytearray()
        try:
            url = f"{server}/objects/batch"
            async with self._http.stream("POST", url, headers=headers, json=question(files)) as response:
                if response.status_code != httpx.codes.OK:
                    raise refusal(files, response.status_code, credential=own is not None)
                async for piece in response.aiter_bytes(CHUNK_BYTES):
                    content += piece
                    if len(content) > ANSWER_BYTES:
                        raise failure(files, f"the answer of {server} is too long")
        except (httpx.HTTPError, ValueError) as error:
            raise failure(files, f"{server} {_words(error)}", transient=_is_transient(error)) from None
        return downloads_in(bytes(content), files)

    async def read(self, download: Download, take: Take) -> None:
        """Hands over the content, in pieces. Raises GitFailed; a content that ends early may also just end."""
        url, headers = download.href, httpx.Headers(_PLAIN)
        try:
            headers.update(download.headers)
            for _ in range(REDIRECTS_MOST + 1):
                there = await self._read(download.file, httpx.URL(url), headers, take)
                if there is None:
                    return
                if _origin(there) != _origin(httpx.URL(url)):
                    headers = httpx.Headers(_PLAIN)
                url = str(there)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise failure(
                [download.file], f"the server that has it {_words(error)}", transient=_is_transient(error)
            ) from None
        raise failure([download.file], "the server that has it redirects too often")

    async def _read(self, file: LargeFile, url: httpx.URL, headers: Mapping[str, str], take: Take) -> httpx.URL | None:
        """Returns where the server redirects to; None if the content has been read."""
        if not _is_closed(url):
            raise failure([file], "the server gives an address without TLS for it")
        async with self._http.stream("GET", url, headers=headers) as response:
            if response.has_redirect_location:
                return url.join(response.headers["Location"])
            if response.status_code != httpx.codes.OK:
                status = response.status_code
                raise failure(
                    [file], f"the server that has it answers with {status}", transient=is_transient_status(status)
                )
            async for piece in response.aiter_raw(CHUNK_BYTES):
                await take(piece)
        return None


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _is_closed(url: httpx.URL) -> bool:
    """Whether no one else can read the request: by https, or to this machine."""
    return url.scheme == "https" or (url.scheme == "http" and _is_this_machine(url.host))


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_transient(error: Exception) -> bool:
    return isinstance(error, httpx.TransportError)


def _words(error: Exception) -> str:
    """What went wrong. Other errors' own texts may quote an address or a header."""
    if isinstance(error, httpx.ConnectError):
        return f"cannot be reached: {error}"
    if isinstance(error, httpx.TimeoutException):
        return f"is silent for {SILENT_SECONDS:.0f} s"
    if isinstance(error, httpx.TransportError):
        return f"breaks off ({type(error).__name__})"
    return "gives an address or a header that is not valid"

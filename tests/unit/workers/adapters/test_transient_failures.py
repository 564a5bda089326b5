"""The words of programs that failed, and whether they may succeed later."""

import pytest

from workers.adapters.transient_failures import transient_line

TRANSIENT = [
    "#9 0.912 urllib.error.URLError: <urlopen error [Errno -2] Name or service not known>",
    "fatal: unable to access 'https://github.com/octo/shop.git/': Could not resolve host: github.com",
    "fatal: unable to access 'https://github.com/octo/shop.git/': Failed to connect to github.com port 443 after 1 ms: "
    "Couldn't connect to server",
    "fatal: unable to access 'https://github.com/octo/shop.git/': The requested URL returned error: 502",
    "error: RPC failed; HTTP 504 curl 22 The requested URL returned error: 504",
    "error: RPC failed; curl 56 GnuTLS recv error (-54): Error in the pull function.",
    "fatal: the remote end hung up unexpectedly",
    "fetch-pack: unexpected disconnect while reading sideband packet",
    "ssh: Could not resolve hostname github.com: Temporary failure in name resolution",
    "ssh: connect to host github.com port 22: Connection timed out",
    "ssh: connect to host github.com port 22: Network is unreachable",
    "ssh: connect to host github.com port 22: No route to host",
    "kex_exchange_identification: Connection closed by remote host",
    "Connection closed by 140.82.121.3 port 22",
    'Error response from daemon: Get "https://registry.example.org/v2/": dial tcp: lookup registry.example.org on '
    "10.0.0.2:53: server misbehaving",
    'Error response from daemon: Get "https://registry.example.org/v2/": net/http: TLS handshake timeout',
    'Error response from daemon: Get "https://registry.example.org/v2/": EOF',
    "Error response from daemon: toomanyrequests: You have reached your pull rate limit.",
    "failed to solve: failed to copy: httpReadSeeker: failed open: unexpected status code "
    "https://registry.example.org/v2/app/blobs/sha256:1: 503 Service Unavailable",
    "failed to solve: python:3.13: failed to resolve source metadata: dial tcp: lookup example.org: i/o timeout",
    "#9 4.113 W: Failed to fetch http://deb.example.org/InRelease  Temporary failure resolving 'deb.example.org'",
    "#9 12.50 WARNING: Retrying after connection broken by 'NewConnectionError: [Errno -3]'",
    "#9 12.50 npm error code ECONNRESET",
    "#9 12.50 npm error request to https://registry.example.org/left-pad failed, reason: getaddrinfo EAI_AGAIN",
    "#9 3.210 wget: bad address 'example.org'",
    "#9 3.210 fetch https://dl.example.org/alpine/APKINDEX.tar.gz: temporary error (try again later)",
    '#9 3.210 go: example.org/mod@v1.0.0: Get "https://proxy.example.org": dial tcp 10.0.0.9:443: connect: connection '
    "refused",
    "#9 3.210 urllib.error.HTTPError: HTTP Error 503: Service Unavailable",
]
LASTING = [
    "0.512 urllib.error.URLError: <urlopen error [Errno 111] Connection refused>",
    "#9 0.512 urllib.error.URLError: <urlopen error [Errno 111] Connection refused>",
    "fatal: could not read Username for 'https://github.com': terminal prompts disabled",
    "fatal: repository 'https://github.com/octo/gone.git/' not found",
    "fatal: unable to access 'https://github.com/octo/shop.git/': The requested URL returned error: 403",
    "fatal: unable to access 'https://github.com/octo/shop.git/': server certificate verification failed.",
    "fatal: couldn't find remote ref refs/tags/v1.0.0",
    "git@github.com: Permission denied (publickey).",
    "Error response from daemon: manifest for app:v1 not found: manifest unknown",
    "Error response from daemon: pull access denied for app, repository does not exist or may require 'docker login'",
    "#9 0.512 /bin/sh: 1: make: not found",
    "#9 0.512 FAILED tests/test_app.py::test_timeout - AssertionError: 502 != 200",
    "#9 0.512 E   ConnectionRefusedError: [Errno 111] Connection refused: http://localhost:8000/health",
    "#9 0.512 requests.exceptions.ConnectionError: HTTPConnectionPool(host='127.0.0.1', port=80): Connection refused",
    "#9 0.512 ERROR: Could not find a version that satisfies the requirement nothing-like-this",
    'failed to solve: process "/bin/sh -c make" did not complete successfully: exit code: 2',
    "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    "error during connect: dial unix /var/run/docker.sock: connect: connection refused",
    "no space left on device",
]


@pytest.mark.parametrize("line", TRANSIENT)
def test_trouble_of_network_and_servers_is_transient(line: str) -> None:
    assert transient_line(["#9 DONE 1.0s", line, "exit status 1"]) == line


@pytest.mark.parametrize("line", LASTING)
def test_fault_of_release_or_machine_is_not(line: str) -> None:
    assert not transient_line(["#9 DONE 1.0s", line, "exit status 1"])

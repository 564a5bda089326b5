"""A Git LFS file that cannot be had refuses the release, by path and oid, and leaves no part of its files."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import GitFailed
from tests.integration.git.lfs.lfs_release import BAD, CREDENTIAL, GOOD, TAG, LfsHost, host_with_two_files
from tests.integration.git.lfs.lfs_server import SIGNATURE, TICKET, LfsRequests, delivered, oid_of
from workers.adapters.git_repo.lfs.batch import ANSWER_BYTES
from workers.adapters.git_repo.lfs.client import REDIRECTS_MOST

SECRETS = (SIGNATURE, TICKET, CREDENTIAL.split()[1], "password")

Answer = Callable[[Any], Any]
Deliver = Callable[[LfsRequests, bytes], None]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LfsHost]:
    with host_with_two_files(tmp_path, monkeypatch) as host:
        yield host


async def refused(host: LfsHost, why: str, caplog: pytest.LogCaptureFixture) -> None:
    """Checks that the second file refuses the release without a trace, and that it passes once the cause is gone."""
    caplog.set_level(logging.INFO)
    source, tree = host.source(), host.directory / "trees"
    sha = await source.fetch(TAG)
    with pytest.raises(GitFailed, match=why) as error:
        await source.checkout(sha)
    text = "\n".join([str(error.value), *error.value.last_lines, caplog.text])
    assert f"models/bad.bin (oid {oid_of(BAD)})" in text
    assert not [secret for secret in SECRETS if secret in text]
    assert not (tree / sha).exists()
    assert set(host.contents) <= {oid_of(GOOD)}, "no part of a content stays"
    host.server.status, host.server.altered, host.server.deliver = 200, lambda answer: answer, delivered
    host.server.objects[oid_of(BAD)] = BAD
    found = await source.checkout(sha)
    assert [(found / "models" / name).read_bytes() for name in ("good.bin", "bad.bin")] == [GOOD, BAD]


def about_bad(**change: Any) -> Answer:
    """Changes what the answer says about the second file."""

    def altered(answer: Any) -> Any:
        objects = [{**each, **change} if each["oid"] == oid_of(BAD) else each for each in answer["objects"]]
        return {**answer, "objects": objects}

    return altered


def without_bad(answer: Any) -> Any:
    return {**answer, "objects": [each for each in answer["objects"] if each["oid"] != oid_of(BAD)]}


def download(href: str) -> Answer:
    return about_bad(actions={"download": {"href": href}})


def with_ticket(ticket: str) -> Answer:
    def altered(answer: Any) -> Any:
        for each in answer["objects"]:
            each["actions"]["download"]["header"]["X-Ticket"] = ticket if each["oid"] == oid_of(BAD) else TICKET
        return answer

    return altered


def faulty(code: int) -> Answer:
    return about_bad(actions=None, error={"code": code, "message": f"see https://storage.invalid/?{SIGNATURE}"})


@pytest.mark.parametrize(
    ("altered", "why"),
    [
        (faulty(404), r"does not have it \(404\)\. Push it"),
        (faulty(410), r"does not have it \(410\)"),
        (faulty(422), r"refuses it \(422\)"),
        (without_bad, "has no address for it"),
        (about_bad(actions=None), "has no address for it"),
        (about_bad(actions={}), "has no address for it"),
        (download(f"http://storage.invalid/one?{SIGNATURE}"), "an address without TLS"),
        (download("file:///etc/passwd"), "an address without TLS"),
        (download(f"https://localhost:port/?{SIGNATURE}"), "not valid"),
        (with_ticket(f"{TICKET}\r\nX-Other: 1"), "breaks off"),
        (with_ticket(f"{TICKET}\u20ac"), "not valid"),
        (download(f"https://localhost:1/?{SIGNATURE}"), "cannot be reached"),
    ],
)
async def test_answer_about_one_file(
    host: LfsHost, altered: Answer, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    host.server.altered = altered
    await refused(host, why, caplog)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (b"<html>sign in</html>", "not one of a Git LFS server"),
        (b"[]", "not one of a Git LFS server"),
        (b"{}", "not one of a Git LFS server"),
        (b'{"objects": [{"oid": 1}]}', "not one of a Git LFS server"),
        (b" " * (ANSWER_BYTES + 1), "is too long"),
        (b'{"transfer": "tus", "objects": []}', "way of transfer"),
    ],
)
async def test_unusable_answer(host: LfsHost, made: bytes, why: str, caplog: pytest.LogCaptureFixture) -> None:
    host.server.altered = lambda _: made
    await refused(host, rf"and 1 more could not be fetched.*{why}", caplog)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (401, r"\(401\): the token needs read access"),
        (403, r"\(403\): the token needs read access"),
        (404, "no Git LFS server, or a token"),
        (301, "redirects to another address.*`repository` or `source`"),
        (429, "answers with 429"),
        (500, "answers with 500"),
    ],
)
async def test_refused_request(host: LfsHost, status: int, why: str, caplog: pytest.LogCaptureFixture) -> None:
    host.server.status = status
    await refused(host, why, caplog)


def only_bad(deliver: Deliver) -> Deliver:
    """Delivers the second file so, and the first one well."""

    def one(request: LfsRequests, content: bytes) -> None:
        (deliver if content == BAD else delivered)(request, content)

    return one


def answering(status: int, *fields: tuple[str, str]) -> Deliver:
    return lambda request, _: request.answer(status, fields)


def other(change: Callable[[bytes], bytes]) -> Deliver:
    return lambda request, content: request.answer(200, [], change(content))


def cut(request: LfsRequests, content: bytes) -> None:
    """The connection ends in the middle of the content."""
    request.send_response(200)
    request.send_header("Content-Length", str(len(content)))
    request.end_headers()
    request.wfile.write(content[:5])
    request.close_connection = True


def endless(request: LfsRequests, content: bytes) -> None:
    """Without a length; until the client hangs up."""
    request.send_response(200)
    request.end_headers()
    try:
        while True:
            request.wfile.write(content * 1000)
    except OSError:
        request.close_connection = True


@pytest.mark.parametrize(
    ("deliver", "why"),
    [
        (answering(401), "answers with 401"),
        (answering(403), "answers with 403"),
        (answering(404), "answers with 404"),
        (answering(206), "answers with 206"),
        (answering(302, ("Location", f"/storage/{oid_of(BAD)}?{SIGNATURE}")), "redirects too often"),
        (answering(302, ("Location", "http://storage.invalid/")), "an address without TLS"),
        (other(lambda content: content[:-1]), f"it ends after {len(BAD) - 1} of {len(BAD)} bytes"),
        (other(lambda _: b""), "it ends after 0 of"),
        (other(lambda content: content + b"!"), f"larger than the {len(BAD)} bytes"),
        (other(lambda content: content[::-1]), "another SHA-256"),
        (cut, "breaks off"),
        (endless, f"larger than the {len(BAD)} bytes"),
    ],
)
async def test_bad_download(host: LfsHost, deliver: Deliver, why: str, caplog: pytest.LogCaptureFixture) -> None:
    host.server.deliver = only_bad(deliver)
    await refused(host, why, caplog)
    assert len([oid for oid, _ in host.server.downloads if oid == oid_of(BAD)]) <= REDIRECTS_MOST + 2


async def test_damaged_content_in_the_cache_is_dropped(host: LfsHost, caplog: pytest.LogCaptureFixture) -> None:
    source = host.source()
    sha = await source.fetch(TAG)
    await source.checkout(sha)
    await source.prune([])
    (stored,) = (host.directory / "lfs").rglob(oid_of(BAD))
    stored.write_bytes(BAD[::-1])
    await refused(host, "its stored copy was damaged", caplog)

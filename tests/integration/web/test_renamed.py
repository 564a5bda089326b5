"""The receiver knows the repository by the id that the worker published."""

import httpx
import pytest

from deploy.demo.clients import plain_client
from tests.integration.web.conftest import Listening
from tests.integration.web.deliveries import headers, release_body

pytestmark = pytest.mark.redis

KNOWN = {"written": "octo/shop", "id": 1, "name": "octo/shop", "replaced_by": None}


async def deliver(web: Listening, name: str, id_: int) -> httpx.Response:
    body = release_body(repository={"id": id_, "full_name": name})
    async with plain_client() as github:
        return await github.post(f"{web.public}/webhooks/github", content=body, headers=headers(body))


async def test_new_name_with_the_known_id_is_accepted(web: Listening) -> None:
    await web.ledger.publish_status({"repository": KNOWN})
    assert (await deliver(web, "acme/store", 1)).status_code == 202
    (release,) = await web.ledger.pending()
    assert release.repository == "acme/store"


async def test_namesake_with_another_id_is_ignored(web: Listening) -> None:
    await web.ledger.publish_status({"repository": KNOWN})
    answer = await deliver(web, "octo/shop", 99)
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert "`repository_id: 99`" in answer.json()["reason"]
    assert await web.ledger.pending() == []


async def test_new_name_is_ignored_while_no_id_is_known(web: Listening) -> None:
    answer = await deliver(web, "acme/store", 1)
    assert answer.json()["reason"].startswith("another repository: acme/store")

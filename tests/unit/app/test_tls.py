import ssl

import pytest

from app.tls import verify_for


@pytest.mark.parametrize("url", ["https://updater.example.org", "HTTPS://updater.example.org", "HTTP://127.0.0.1:9090"])
def test_other_addresses_verify_as_by_default(url: str) -> None:
    assert verify_for(url) is True


def test_plain_address_trusts_no_certificate() -> None:
    found = verify_for("http://127.0.0.1:9090")
    assert isinstance(found, ssl.SSLContext)
    assert (found.verify_mode, found.check_hostname, found.get_ca_certs()) == (ssl.CERT_REQUIRED, True, [])

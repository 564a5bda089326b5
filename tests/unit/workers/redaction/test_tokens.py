import pytest

from workers.redaction.tokens import secrets_by_form, secrets_in_url, without_forms

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJlLW9mLWl0"
TOKENS = [
    "sk_live_" + "51Mexample9" * 2,
    "rk_test_" + "51Mexample9" * 2,
    "ghp_" + "a1B2c3D4e5" * 4,
    "github_pat_" + "11ABCDEFG0" * 8,
    "glpat-" + "a1B2c3D4e5" * 2,
    "xoxb-123456789012-abcdefghijkl",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "AIza" + "Sy" + "a" * 33,
    "hf_" + "abcdefghij" * 4,
    "npm_" + "abcdefghi9" * 3 + "abcdef",
    "dckr_pat_" + "abcdefghi9" * 3,
    "https://hooks.slack.com/services/" + "T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
    "https://discord.com/api/webhooks/" + "123456789012345678/abcdefghijklmnopqrstuvwx",
    "$2y$10$" + "abcdefghij" * 5 + "abc",
    "$apr1$salt1234$" + "abcdefghijklmnopqrstuv",
    JWT,
]
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBgkqh\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize("token", TOKENS)
def test_token_is_found_whatever_its_name(token: str) -> None:
    assert token in list(secrets_by_form(f'any: "{token}", more'))
    assert without_forms(f'any: "{token}", more', "[-]") == 'any: "[-]", more'


@pytest.mark.parametrize(
    "text",
    [
        "task-list, sk-learn, npm_config_cache=/x, ghp_short, xoxo, eyJust a word, AKIA, hf_hub 1.0",
        "pypi-server https://pypi.example/simple/ sha256:0123456789abcdef0123456789abcdef",
        "https://api.example.org:8080/a@b?c=d mailto:a@b.c ssh://git@example.org/x.git",
        "time=12:30 user@host a://b",
    ],
)
def test_ordinary_text_has_no_token(text: str) -> None:
    assert list(secrets_by_form(text)) == []
    assert without_forms(text, "[-]") == text


def test_private_key_is_found_with_lines_and_escapes() -> None:
    assert KEY in list(secrets_by_form(f"a\n{KEY}\nb"))
    assert KEY in list(secrets_by_form(f'{{"private_key": "{KEY}"}}'.replace("\n", "\\n")))


def test_url_has_a_password_or_a_lone_token() -> None:
    assert set(secrets_in_url("postgres://app:p%40ssword-1@db/app")) == {
        *("p%40ssword-1", "p@ssword-1"),
        *("app:p%40ssword-1", "app:p@ssword-1"),
    }
    assert set(secrets_in_url("https://token-alone@h/x")) == {"token-alone"}
    assert set(secrets_in_url("ssh://operator-name@h/x")) == set()
    assert set(secrets_in_url("https://[broken")) == set()


def test_user_and_password_of_any_url_are_hidden() -> None:
    assert without_forms("at redis://:pw@r/0 and amqp://u:p%2Fw@h.", "[-]") == "at redis://[-]@r/0 and amqp://[-]@h."

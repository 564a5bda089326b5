import pytest

from workers.redaction.names import is_hidden, is_secret_name

SECRET = (
    "PASS DB_PASS SMTPPASS POSTGRES_PASSWORD PGPASSWORD MYSQL_PWD APP_SECRET SECRETS GHTOKEN TOKEN KEY API_KEY APIKEY "
    "apiKey secret-key AWS_ACCESS_KEY_ID SSHKEY SENTRY_DSN GOOGLE_CREDENTIALS BASIC_AUTH AUTH_USERS PRIVATE_CERT SALT "
    "COOKIE_SECRET SESSION WEBHOOK SLACK_WEBHOOK_URL db.password dbPassword JWT JWT_PRIVATE KEYS PASSWORD_HASH "
    "DB_PASS1 KEY1 API_KEY_2 TOKEN2 accountkey"
)
PLAIN = (
    "KEYBOARD MONKEY AUTHOR BYPASS COMPASS PASSPORT PWD OLDPWD DATABASE_URL AUTH_URL TOKEN_ENDPOINT TOKEN_TTL KEY_FILE "
    "SESSION_DRIVER SESSION_COOKIE_NAME AUTH_MODE PASSWORD_FILE AUTH_USER STRIPE HOST_PORT MODE "
    "KEY_FILE_1 PASSWORD_FILE2 AUTH_URL2 KEYBOARD1 OAUTH2_PROXY_UPSTREAM S3"
)


@pytest.mark.parametrize("name", SECRET.split())
def test_name_says_that_the_value_is_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", PLAIN.split())
def test_name_says_nothing_of_a_secret(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize("value", ["", "true", "1234567", "Production", "postgres", "/run/secrets/key", "/etc/a/b.pem"])
def test_ordinary_value_is_shown(value: str) -> None:
    assert not is_hidden(value)


@pytest.mark.parametrize("value", ["12345678", "hunter22", "/9j/4AAQSkZJRg==", "postgres1", "correct horse"])
def test_other_value_is_hidden(value: str) -> None:
    assert is_hidden(value)

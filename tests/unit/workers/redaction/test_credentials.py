from pathlib import Path

import pytest

from workers.adapters.redaction import HIDDEN, Redactor
from workers.redaction.credentials import secrets_in_value
from workers.redaction.found import secrets_in_model
from workers.redaction.names import is_hidden

SECRET = "Sup3rSecret!9"
CONNECTIONS = [
    f"ConnectionStrings__Default=Server=db;User Id=sa;Password={SECRET}",
    f"ConnectionStrings__Default=Server=db;User Id=sa;Password={SECRET};Encrypt=True",
    f"ODBC=Driver=FreeTDS;UID=sa;PWD={SECRET};Server=db",
    f"ODBC=Driver=FreeTDS;UID=sa;Pwd={{{SECRET}}};Server=db",
    f"QUOTED=Server=db;Password='{SECRET}';Encrypt=True",
    f"JDBC_URL=jdbc:postgresql://db/app?user=a&password={SECRET}",
    f"JDBC_URL=jdbc:postgresql://db/app?password={SECRET}&user=a",
    f"JDBC_URL=jdbc:sqlserver://db:1433;user=sa;password={SECRET};",
    f"JDBC_URL=jdbc:oracle:thin:app/{SECRET}@//db:1521/app",
    f"LIBPQ=host=db user=app password={SECRET}",
    f"LIBPQ=host=db password='{SECRET}' user=app",
    f"LIBPQ=\"host=db password='{SECRET}' user=app\"",
    f"STORAGE=DefaultEndpointsProtocol=https;AccountName=a;AccountKey={SECRET};EndpointSuffix=x",
    f"storage=DefaultEndpointsProtocol=https;accountname=a;accountkey={SECRET}",
    f"BUS=Endpoint=sb://x/;SharedAccessKeyName=root;SharedAccessKey={SECRET}",
    f"SAS=https://a.blob.example/c?sv=2024-01-01&sig={SECRET}",
    f"REDIS=cache:6380,password={SECRET},ssl=True",
    f'KAFKA=org.apache.kafka.PlainLoginModule required username="a" password="{SECRET}";',
    f'JSON={{"user": "a", "password": "{SECRET}"}}',
    f"DATABASE_URL=app:{SECRET}@tcp(db:3306)/app",
    f"DATABASE_URL=app:{SECRET}@unix(/run/mysqld.sock)/app?parseTime=true",
    f"PROXY=app:{SECRET}@proxy:3128",
    f"DB_PASS1={SECRET}",
    f"KEY1={SECRET}",
    f"API_KEY_2={SECRET}",
    f"EXTRA_OPTS=-Dapi.key={SECRET} -Xmx1g",
]
ORDINARY = (
    "host=database-1 user=application dbname=application sslmode=verify-full",
    "SharedAccessKeyName=RootManageSharedAccessKey;Endpoint=sb://namespace",
    "sort_key=created_at&partition_key=customer_id",
    "password=${DB_PASSWORD};token=${API_TOKEN}",
    "monkey=chimpanzee&author=somebody-else&bypass=everything&token_ttl=3600-seconds",
    "passwordless=certainly;password_file=/run/secrets/db-password",
    "mailto:operator@example.org registry.example:5000/application@sha256:" + "0a" * 32,
    "Enter the password: at-least-twelve characters",
)


@pytest.mark.parametrize("line", CONNECTIONS)
def test_secret_in_a_value_is_hidden(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"MODE=any\n{line}\n")
    assert Redactor(tmp_path).text(f"login with {SECRET} failed") == f"login with {HIDDEN} failed"


@pytest.mark.parametrize("value", ORDINARY)
def test_ordinary_value_stays_readable(value: str) -> None:
    assert list(filter(is_hidden, secrets_in_value(value))) == []


def test_password_may_have_separators_in_it() -> None:
    for value, password in {
        "Server=db;Password=a pass & word;Encrypt=True": "a pass & word",
        "host=db password='it''s; a pass' user=a": "it's; a pass",
        r"host=db password='it\'s; a pass' user=a": "it's; a pass",
        "db?password=p%40ss%20word&user=a": "p@ss word",
        "app:p@ss:w/rd@tcp(db)/app": "p@ss:w/rd",
    }.items():
        assert password in set(secrets_in_value(value))


@pytest.mark.parametrize(
    "service", [{"environment": {"DB": f"host=db password={SECRET}"}}, {"labels": {"db": f"a=b;Password={SECRET}"}}]
)
def test_connection_string_of_a_service_is_read(service: dict[str, object]) -> None:
    assert SECRET in set(secrets_in_model({"services": {"api": service}}))


def test_key_in_a_file_on_one_line_is_read(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "app.json").write_text(f'{{"db": {{"user": "a", "password": "{SECRET}"}}, "n": 1}}')
    assert Redactor(tmp_path).text(SECRET) == HIDDEN


def test_credentials_before_a_host_of_go_are_hidden_unknown(tmp_path: Path) -> None:
    hidden = Redactor(tmp_path).text(f"dial app:{SECRET}@tcp(db:3306)/app and u:x@unix(/s)")
    assert hidden == f"dial {HIDDEN}@tcp(db:3306)/app and {HIDDEN}@unix(/s)"


def test_long_line_is_read_in_time() -> None:
    assert list(secrets_in_value("a" * 1_000_000 + "=" * 1000 + ":" * 1000)) == []

"""The environment variables, read once. All errors are reported together."""

import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from app.config import notify_urls, otlp
from app.config.locations import DATA_DIR, STATE_FILE
from app.config.urls import valid_github_api_url, valid_redis_url
from app.domain.errors import SettingsInvalid
from app.domain.notices.notice import Kind
from app.domain.stack import REPOSITORY, Stack

SECRETS = (
    "GITHUB_WEBHOOK_SECRET",
    "GITHUB_TOKEN",
    "UPDATER_NOTIFY_URLS",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "UPDATER_TRAEFIK_REDIS_PASSWORD",
)
"""Settings that may come from a file, whose path is in `<NAME>_FILE`."""

GITHUB_API = "https://api.github.com"
MINUTES_PER_DAY = 24 * 60

MIB = 1024 * 1024
LARGEST_DELIVERY = 25 * MIB
"""GitHub's limit: https://docs.github.com/en/webhooks/webhook-events-and-payloads#payload-cap"""

MAX_WAIT_SECONDS = 3_600.0
"""The longest that a call waits for the end of a rollout."""


def _bind(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004 - the highest port there is
        raise ValueError("should be host:port, such as 0.0.0.0:9090")
    return value


def _repository(value: str) -> str:
    if not REPOSITORY.fullmatch(value):
        raise ValueError("should be owner/name")
    return value


def _split(secrets: SecretStr) -> tuple[str, ...]:
    return tuple(s.strip() for s in secrets.get_secret_value().split(",") if s.strip())


def _not_blank(secrets: SecretStr) -> SecretStr:
    if not _split(secrets):
        raise ValueError("is empty")
    return secrets


def _known_targets(urls: SecretStr) -> SecretStr:
    if wrong := notify_urls.problems(notify_urls.split(urls.get_secret_value())):
        raise ValueError("; ".join(wrong))
    return urls


def _words(value: Any) -> Any:
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def _networks(value: Any) -> Any:
    try:
        return tuple(ip_network(word, strict=False) for word in _words(value))
    except ValueError as error:
        raise ValueError("should be addresses or networks, such as 172.18.0.5,10.0.0.0/8") from error


Bind = Annotated[str, AfterValidator(_bind)]
Network = IPv4Network | IPv6Network


class Settings(BaseModel):
    """Settings of both processes. Each field's alias is the name of its environment variable."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=False, defer_build=True)

    redis_url: Annotated[str, AfterValidator(valid_redis_url)] = Field(alias="REDIS_URL", repr=False)
    namespace: str = Field("zetherion-updater", alias="UPDATER_NAMESPACE", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    stack_file: Path = Field(Path("config/stack.yml"), alias="UPDATER_STACK_FILE")
    repository: Annotated[str, AfterValidator(_repository)] | None = Field(None, alias="AUTO_UPDATE_REPO")

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """The settings in `environ`. Raises SettingsInvalid with every problem."""
        values, problems = _with_secret_files(environ)
        try:
            settings = cls.model_validate(values)
        except ValidationError as error:
            problems += [_problem(e["loc"], e["msg"]) for e in error.errors(include_input=False)]
            raise SettingsInvalid("; ".join(problems)) from None
        if problems:
            raise SettingsInvalid("; ".join(problems))
        return settings


def _token(value: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~]+", value.get_secret_value()):
        raise ValueError("should be one line without spaces")
    return value


def _plain_path(value: Path) -> Path:
    if not re.fullmatch(r"/[\w./@+-]+", str(value), re.ASCII):
        raise ValueError("should be an absolute path of letters, digits and `. _ / @ + -`, as ssh reads it")
    if not value.is_file():
        raise ValueError(f"{value} is not a file that the worker can see")
    return value


class WebSettings(Settings):
    """Settings of the web process, which has no access to the engine and no Git credential."""

    bind: Bind = Field("0.0.0.0:9090", alias="UPDATER_BIND")
    public_bind: Bind = Field("0.0.0.0:9091", alias="UPDATER_PUBLIC_BIND")
    secret_path: Path = Field(Path("/app/data/.updater-secret"), alias="UPDATER_SECRET_PATH")
    secret_group: str | None = Field(None, alias="UPDATER_SECRET_GROUP")
    webhook_secret: Annotated[SecretStr, AfterValidator(_not_blank)] = Field(alias="GITHUB_WEBHOOK_SECRET")
    webhook_max_bytes: int = Field(4 * MIB, alias="UPDATER_WEBHOOK_MAX_BYTES", gt=0, le=LARGEST_DELIVERY)
    apply_wait: float | None = Field(None, alias="UPDATER_APPLY_WAIT_SECONDS", gt=0, le=MAX_WAIT_SECONDS)
    trusted_proxies: Annotated[tuple[Network, ...], BeforeValidator(_networks)] = Field(
        (), alias="UPDATER_TRUSTED_PROXIES"
    )

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """Every secret that a delivery may be signed with, newest first."""
        return _split(self.webhook_secret)


class WorkerSettings(Settings):
    """Settings of the worker, which changes the machine."""

    data_dir: Path = Field(DATA_DIR, alias="UPDATER_DATA_DIR")
    state_path: Path | None = Field(None, alias="UPDATER_STATE_PATH")
    traefik_dynamic_path: Path | None = Field(None, alias="UPDATER_TRAEFIK_DYNAMIC_PATH")
    compose_command: str | None = Field(None, alias="UPDATER_COMPOSE")
    docker_host: str | None = Field(None, alias="DOCKER_HOST")
    enabled: bool = Field(True, alias="AUTO_UPDATE_ENABLED")
    approval: bool = Field(False, alias="UPDATE_REQUIRE_APPROVAL")
    pause_on_failure: bool = Field(True, alias="AUTO_UPDATE_PAUSE_ON_FAILURE")
    github_api_url: Annotated[str, AfterValidator(valid_github_api_url)] = Field(GITHUB_API, alias="GITHUB_API_URL")
    github_token: Annotated[SecretStr, AfterValidator(_token)] | None = Field(None, alias="GITHUB_TOKEN")
    ssh_key_path: Annotated[Path, AfterValidator(_plain_path)] | None = Field(None, alias="UPDATER_SSH_KEY_PATH")
    ssh_known_hosts_path: Annotated[Path, AfterValidator(_plain_path)] | None = Field(
        None, alias="UPDATER_SSH_KNOWN_HOSTS_PATH"
    )
    check_minutes: float = Field(15, alias="AUTO_UPDATE_CHECK_INTERVAL_MINUTES", ge=0, le=MINUTES_PER_DAY)
    notify_urls: Annotated[SecretStr, AfterValidator(_known_targets)] | None = Field(None, alias="UPDATER_NOTIFY_URLS")
    notify_events: Annotated[frozenset[Kind], BeforeValidator(_words)] = Field(
        frozenset(Kind), alias="UPDATER_NOTIFY_EVENTS"
    )
    traefik_redis_password: SecretStr | None = Field(None, alias="UPDATER_TRAEFIK_REDIS_PASSWORD")
    otlp_endpoint: Annotated[str, AfterValidator(otlp.valid_endpoint)] | None = Field(
        None, alias="OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    otlp_protocol: str = Field(otlp.PROTOCOL, alias="OTEL_EXPORTER_OTLP_PROTOCOL")
    otlp_headers_text: SecretStr | None = Field(None, alias="OTEL_EXPORTER_OTLP_HEADERS")

    @field_validator("otlp_protocol", "otlp_headers_text")
    @classmethod
    def _valid_for_an_endpoint(cls, value: Any, info: ValidationInfo) -> Any:
        """Not checked without an endpoint: a machine may set them for other programs."""
        if value is None or info.data.get("otlp_endpoint") is None:
            return value
        return otlp.valid_headers(value) if isinstance(value, SecretStr) else otlp.valid_protocol(value)

    @property
    def notify_targets(self) -> tuple[str, ...]:
        """The notification targets, one URL each. Every URL is a secret."""
        return notify_urls.split(self.notify_urls.get_secret_value()) if self.notify_urls else ()

    @property
    def otlp_headers(self) -> dict[str, str]:
        """The headers for the collector of traces; none without an endpoint. Every value is a secret."""
        return otlp.headers_of(self.otlp_headers_text) if self.otlp_endpoint is not None else {}

    def routes_path(self, stack: Stack) -> Path | None:
        """Where the file of the routes is to be; None if Traefik reads them in a Redis. Raises SettingsInvalid."""
        if stack.traefik.redis is not None:
            return None
        if self.traefik_dynamic_path is None:
            raise SettingsInvalid("UPDATER_TRAEFIK_DYNAMIC_PATH: is not set")
        return self.traefik_dynamic_path

    @property
    def journal_path(self) -> Path:
        return self.state_path or self.data_dir / STATE_FILE


def _with_secret_files(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The values of `environ` and of its `_FILE` variables, and the problems. Blank variables and files are unset."""
    values: dict[str, Any] = {name: value for name, value in environ.items() if value != ""}
    problems = []
    for name in SECRETS:
        file = values.get(f"{name}_FILE")
        if file is None:
            continue
        try:
            if secret := Path(file).read_text(encoding="utf-8").strip():
                values[name] = secret
        except (OSError, UnicodeDecodeError) as error:
            problems.append(f"{name}_FILE: {file} cannot be read ({type(error).__name__})")
    return values, problems


def _problem(loc: tuple[int | str, ...], message: str) -> str:
    text = message.removeprefix("Value error, ")
    return f"{'.'.join(map(str, loc))}: {'is not set' if text == 'Field required' else text}"

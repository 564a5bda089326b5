import pytest

from app.cli.init.images.dockerfile import image_of, instructions
from app.cli.init.images.facts import ImageFacts

STAGES = """\
ARG BASE=runtime
ARG PORT=8000
FROM python AS builder
EXPOSE 1111
HEALTHCHECK CMD curl http://localhost:1111/built
FROM builder AS runtime
ARG PORT
ENV API_PORT=$PORT MODE="a b"
EXPOSE ${API_PORT} 9100/tcp 53/udp
FROM ${BASE} AS last
EXPOSE 443
FROM scratch AS Tool
EXPOSE 7777
"""


def test_the_last_stage_is_built_without_a_target() -> None:
    assert image_of(STAGES).ports == (7777,)


def test_stage_inherits_from_its_base_stage() -> None:
    last = image_of(STAGES, target="last")
    assert last.ports == (1111, 8000, 9100, 443)
    assert last.environment == {"API_PORT": "8000", "MODE": "a b"}
    assert last.health == "curl http://localhost:1111/built"


def test_build_arguments_override_defaults() -> None:
    assert image_of(STAGES, target="runtime", args={"PORT": "9000"}).ports == (1111, 9000, 9100)
    assert image_of(STAGES, target="TOOL").ports == (7777,)
    assert image_of(STAGES, target="unknown") == ImageFacts()


def test_global_arg_is_unknown_in_a_stage() -> None:
    assert image_of("ARG PORT=1\nFROM x\nEXPOSE $PORT 2\n").ports == (2,)


def test_health_check_is_read_in_every_form() -> None:
    options = "--interval=30s --timeout=3s"
    assert image_of(f'FROM x\nHEALTHCHECK {options} CMD ["py", "-c", "x"]\n').health == ("py", "-c", "x")
    assert image_of("FROM x\nHEALTHCHECK CMD curl --fail localhost:1/up\n").health == "curl --fail localhost:1/up"
    assert image_of("FROM x\nHEALTHCHECK CMD a\nHEALTHCHECK NONE\n").health is None


def test_continued_line_skips_comments() -> None:
    text = "FROM x\nHEALTHCHECK --interval=5s \\\n  # why\n\n    CMD curl \\\n    localhost:1/up\nEXPOSE 1\n"
    assert list(instructions(text))[1:] == [
        ("HEALTHCHECK", "--interval=5s CMD curl localhost:1/up"),
        ("EXPOSE", "1"),
    ]
    assert image_of("# escape=`\nFROM x\nEXPOSE `\n 80\n").ports == (80,)


def test_a_here_document_is_no_instruction() -> None:
    text = "FROM x\nRUN <<EOF\nEXPOSE 1\nEOF\nCOPY <<-'A' <<B /x/\nEXPOSE 2\nA\nEXPOSE 3\nB\nEXPOSE 4\n"
    assert image_of(text).ports == (4,)


@pytest.mark.parametrize("line", ["ENV PORT 80", "ENV PORT=80", 'ENV A=1 PORT="80"', "env\tPORT=80"])
def test_env_is_read_in_every_form(line: str) -> None:
    assert image_of(f"FROM x\n{line}\n").environment["PORT"] == "80"


@pytest.mark.parametrize("text", ["", "EXPOSE 80\n", "FROM\nEXPOSE\n", "FROM x\nEXPOSE ${X} a 0\nENV\nARG\n"])
def test_invalid_dockerfile_exposes_no_port(text: str) -> None:
    assert image_of(text).ports == ()


def test_labels_of_each_form_are_read() -> None:
    text = 'FROM a\nARG P=/x\nLABEL a.b="c d" traefik.x=$P \\\n  e=f\nLABEL old text\n'
    assert image_of(text).labels == {"a.b": "c d", "traefik.x": "/x", "e": "f", "old": "text"}

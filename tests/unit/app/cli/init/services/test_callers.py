from app.cli.init.notes import Notes
from app.cli.init.services.callers import ADD, note_callers
from app.domain.routing.routes import ClientRoute
from tests.examples import a_routed, a_stack, a_traefik

STACK = a_stack(
    traefik=a_traefik(web="http://traefik:80"), routed=(a_routed("web", 80, "/", ClientRoute("web", "Host(`a`)")),)
)


def noted(**services: object) -> list[str]:
    notes = Notes()
    note_callers({"services": {"web-blue": {}, "web-green": {}, "traefik": {}, **services}}, STACK, notes)
    return notes.callers


def test_lines_to_add_are_noted_once() -> None:
    caller = {"environment": ["API_URL=http://web-blue"]}
    first, second, *lines = noted(worker=caller, cron=caller)
    assert first.startswith("`worker` calls `web-blue` in its variable API_URL")
    assert second.startswith("`cron` calls `web-blue`")
    assert lines == [
        ADD,
        *("  services:", "    traefik:", "      networks:", "        default:", "          aliases: [web]"),
        *("  routed/web/routes:", '    - {entrypoint: web, rule: "Host(`web`)"}'),
    ]


def test_project_without_callers_has_no_note() -> None:
    assert noted(worker={"environment": {"DB_URL": "postgres://db"}}) == []

from app.auth.scope import Scope
from app.web.internal.caller import Caller, CallerKind


def test_a_caller_is_shown_with_its_address() -> None:
    shown = [
        str(Caller(CallerKind.SECRET, Scope.OPERATE, "10.0.0.5")),
        str(Caller(CallerKind.TOKEN, Scope.OPERATE, "10.0.0.5")),
        str(Caller(CallerKind.TOKEN, Scope.OPERATE, "10.0.0.5", name="nightly")),
        str(Caller(CallerKind.SESSION, Scope.OPERATE, "2001:db8::1", session="s-1")),
    ]
    assert shown == [
        "shared secret from 10.0.0.5",
        "token from 10.0.0.5",
        "token nightly from 10.0.0.5",
        "session from 2001:db8::1",
    ]

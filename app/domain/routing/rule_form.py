"""The form of a rule in which rules for the same requests are equal."""

from app.domain.routing.matchers import Matcher
from app.domain.routing.rule import Tree, parse

Form = tuple[str, object]


def form_of(rule: str) -> Form:
    """Equal for rules that differ only in spaces, parentheses, order, or in case that Traefik ignores.

    Raises RuleInvalid.
    """
    return _form(parse(rule))


def _form(tree: Tree) -> Form:
    if isinstance(tree, Matcher):
        return "matcher", (tree.name, _values(tree), tree.wanted)
    kind = type(tree).__name__
    parts = frozenset(part for side in (tree.left, tree.right) for part in _parts(side, type(tree)))
    return (kind, parts) if len(parts) > 1 else next(iter(parts))


def _parts(tree: Tree, kind: type[Tree]) -> list[Form]:
    """What `kind` joins: `a && (b && c)` is `a && b && c`."""
    if isinstance(tree, kind) and not isinstance(tree, Matcher):
        return [*_parts(tree.left, kind), *_parts(tree.right, kind)]
    return [_form(tree)]


def _values(matcher: Matcher) -> tuple[str, ...]:
    first, *rest = matcher.values
    match matcher.name:
        case "Host":
            first = first.lower().rstrip(".")
        case "Method":
            first = first.upper()
        case "Header" | "HeaderRegexp":
            first = first.lower()
    return first, *rest

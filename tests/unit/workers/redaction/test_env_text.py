import pytest

from workers.redaction.env_text import assignments, loose_lines


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=value", "value"),
        ("export A = value  ", "value"),
        ("A: value", "value"),
        ("- A=value", "value"),
        ('  "A": "value",', "value"),
        ("A=value # note", "value"),
        ("A=value # note", "value # note"),
        ("A=va#lue", "va#lue"),
        ("A='it # is' # note", "it # is"),
        (r'A="a \"b\" \n \$c"', 'a "b" \n $c'),
        (r'A="a \"b\" \n \$c"', r"a \"b\" \n \$c"),
        ('A="one\ntwo"', "one\ntwo"),
        ('A="not closed', "not closed"),
        ("A=", ""),
    ],
)
def test_value_is_read_in_every_way(line: str, value: str) -> None:
    assert ("A", value) in list(assignments(f"# A=comment\n{line}\nB=1\n"))


def test_quote_that_is_not_closed_hides_no_other_value() -> None:
    assert ("B", "two") in list(assignments("A=\"one\nB=two\nC='x'\n"))


def test_loose_line_may_be_a_secret() -> None:
    text = "# note\n\nA=1\nMIIEvQIB/ADANBg==\nB='a\nb c\n'\nKEY-----\n"
    assert list(loose_lines(text)) == ["MIIEvQIB/ADANBg==", "KEY-----"]

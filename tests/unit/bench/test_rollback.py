from app.domain.stack import Color
from tests.examples import a_stack
from workers.routing.route_file import COLOR_KEY, render


def test_route_file_names_the_active_color_in_a_line() -> None:
    for color in Color:
        text = render(a_stack(), color, "r-1")
        assert [each for each in Color if f"{COLOR_KEY}{each}\n" in text] == [color]

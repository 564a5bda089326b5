"""What is read from Traefik's metrics page."""

from app.domain.stack import Color
from app.domain.traffic import Tally
from workers.adapters.traefik.metrics import added, read

PAGE = """\
# TYPE traefik_service_requests_total counter
traefik_service_requests_total{code="200",method="GET",protocol="http",service="shop-api-blue@file"} 90
traefik_service_requests_total{code="502",method="POST",protocol="http",service="shop-api-blue@file"} 3
traefik_service_requests_total{code="200",method="GET",protocol="http",service="other@docker"} 1000
# TYPE traefik_service_request_duration_seconds histogram
traefik_service_request_duration_seconds_bucket{code="200",method="GET",service="shop-api-blue@file",le="0.1"} 80
traefik_service_request_duration_seconds_bucket{code="200",method="GET",service="shop-api-blue@file",le="+Inf"} 90
traefik_service_request_duration_seconds_sum{code="200",method="GET",service="shop-api-blue@file"} 4.5
traefik_service_request_duration_seconds_count{code="200",method="GET",service="shop-api-blue@file"} 90
traefik_service_request_duration_seconds_sum{code="502",method="POST",service="shop-api-blue@file"} 0.5
traefik_service_request_duration_seconds_count{code="502",method="POST",service="shop-api-blue@file"} 3
"""


def test_requests_errors_and_seconds_are_summed_over_all_methods() -> None:
    names = {"shop-api-blue@file": (Color.BLUE, "api"), "shop-web-blue@file": (Color.BLUE, "web")}
    assert read(PAGE, names)[Color.BLUE] == {"api": Tally(93, 3, 5.0), "web": Tally()}


def test_one_page_has_the_counts_of_both_colors() -> None:
    green = 'traefik_service_requests_total{code="500",method="GET",service="shop-api-green@file"} 7\n'
    names = {f"shop-api-{color}@file": (color, "api") for color in Color}
    counts = PAGE.replace('service="other@docker"} 1000\n', 'service="other@docker"} 1000\n' + green)
    assert read(counts, names) == {Color.BLUE: {"api": Tally(93, 3, 5.0)}, Color.GREEN: {"api": Tally(7, 7)}}


def test_page_without_durations_still_counts_requests() -> None:
    before_durations = PAGE.partition("# TYPE traefik_service_request_duration_seconds")[0]
    names = {"shop-api-blue@file": (Color.BLUE, "api")}
    assert read(before_durations, names)[Color.BLUE] == {"api": Tally(93, 3)}


def test_counts_of_all_traefiks_are_added() -> None:
    one = {Color.BLUE: {"api": Tally(90, 3, 5.0)}, Color.GREEN: {"api": Tally(7, 7)}}
    other = {Color.BLUE: {"api": Tally(10, 1, 0.5)}, Color.GREEN: {"api": Tally()}}
    assert added([one, other]) == {Color.BLUE: {"api": Tally(100, 4, 5.5)}, Color.GREEN: {"api": Tally(7, 7)}}
    assert added([one]) == one

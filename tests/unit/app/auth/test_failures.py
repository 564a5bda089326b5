from app.auth.failures import ADDRESSES, BY_ADDRESS, OVERALL, FailureLimit


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def failing(limit: FailureLimit, address: str, times: int) -> None:
    for _ in range(times):
        limit.add(address)


def test_first_failures_of_an_address_are_free() -> None:
    limit = FailureLimit(Clock())
    failing(limit, "10.0.0.1", BY_ADDRESS.many - 1)
    assert limit.wait("10.0.0.1") == 0
    limit.add("10.0.0.1")
    assert limit.wait("10.0.0.1") == BY_ADDRESS.seconds


def test_another_address_is_not_blocked() -> None:
    limit = FailureLimit(Clock())
    failing(limit, "10.0.0.1", BY_ADDRESS.many)
    assert limit.wait("10.0.0.2") == 0


def test_one_more_failure_is_free_after_the_wait() -> None:
    clock = Clock()
    limit = FailureLimit(clock)
    failing(limit, "10.0.0.1", BY_ADDRESS.many)
    clock.now += BY_ADDRESS.seconds
    assert limit.wait("10.0.0.1") == 0
    limit.add("10.0.0.1")
    assert limit.wait("10.0.0.1") == BY_ADDRESS.seconds


def test_failures_are_forgiven_with_time() -> None:
    clock = Clock()
    limit = FailureLimit(clock)
    failing(limit, "10.0.0.1", BY_ADDRESS.many)
    clock.now += BY_ADDRESS.many * BY_ADDRESS.seconds
    failing(limit, "10.0.0.1", BY_ADDRESS.many - 1)
    assert limit.wait("10.0.0.1") == 0


def test_many_addresses_share_a_limit() -> None:
    limit = FailureLimit(Clock())
    for number in range(OVERALL.many):
        assert limit.wait(f"10.0.1.{number}") == 0
        limit.add(f"10.0.1.{number}")
    assert limit.wait("10.9.9.9") == OVERALL.seconds


def test_one_ipv6_network_is_one_client() -> None:
    limit = FailureLimit(Clock())
    for number in range(BY_ADDRESS.many):
        limit.add(f"2001:db8:0:1::{number:x}")
    assert limit.wait("2001:db8:0:1:ffff::1") > 0
    assert limit.wait("2001:db8:0:2::1") == 0


def test_memory_is_constant() -> None:
    clock = Clock()
    limit = FailureLimit(clock)
    for number in range(2 * ADDRESSES):
        limit.add(f"10.1.{number >> 8}.{number & 255}")
        failing(limit, "10.0.0.1", 1)
    assert len(limit._forgiven) == ADDRESSES
    clock.now += 2 * ADDRESSES * 2 * OVERALL.seconds
    assert limit.wait("10.0.0.1") > 0, "the address that fails most often is remembered"


def test_what_is_no_address_is_limited_too() -> None:
    limit = FailureLimit(Clock())
    failing(limit, "unknown", BY_ADDRESS.many)
    assert limit.wait("unknown") > 0

"""How full a worker says it is (complaint 39)."""

import pytest

from session.load import is_full, load


@pytest.mark.parametrize(
    ("n_calls", "free_mb", "full"),
    [
        (0, 1000, False),
        (9, 1000, False),
        (10, 1000, True),
        (11, 1000, True),
        (0, 256, False),
        (0, 255.9, True),
    ],
)
def test_is_full(n_calls: int, free_mb: float, full: bool) -> None:
    assert is_full(n_calls=n_calls, max_calls=10, free_mb=free_mb, min_free_mb=256) is full


def test_livekit_sends_jobs_until_the_last_place_is_taken() -> None:
    loads = [load(n_calls=n, max_calls=10, full=n >= 10) for n in range(11)]
    assert loads == sorted(loads)
    assert max(loads[:10]) < 0.7 <= loads[10]

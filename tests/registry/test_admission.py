"""How many new agents one address may bring in."""

import pytest

from registry.admission import Admission


def test_an_address_has_a_minutes_worth_at_once_and_then_waits() -> None:
    admission = Admission(60)
    assert [admission.admit("a", now=0.0) for _ in range(60)] == [None] * 60
    assert admission.admit("a", now=0.0) == pytest.approx(1.0)
    assert admission.admit("a", now=0.5) == pytest.approx(0.5)
    assert admission.admit("a", now=1.0) is None


def test_addresses_do_not_share() -> None:
    admission = Admission(1)
    assert admission.admit("a", now=0.0) is None
    assert admission.admit("b", now=0.0) is None


def test_many_addresses_do_not_fill_the_memory() -> None:
    admission = Admission(1)
    for number in range(25_000):
        admission.admit(str(number), now=number / 1_000)
    assert len(admission._buckets) <= 10_000  # what it is about

"""What an adapter answers, held against what its protocol promises."""

from typing import TypeVar

from payment_actions_server.plugins.answers import sound

T = TypeVar("T")


def as_it_is(shape: type[T], answer: object) -> T:
    """Return an answer that the engine takes as it is: what it would have to mend, or refuses, fails the test."""
    taken = sound(shape, answer)
    assert taken == answer, "the engine takes it for something else"
    return taken

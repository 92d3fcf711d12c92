"""What control calls bring and what they may be told: typed reading of one JSON object or query string."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, TypeVar

from payment_actions_amazon_pay.simulator.objects import PaymentObject
from payment_actions_amazon_pay.simulator.simulator import Simulator
from payment_actions_amazon_pay.simulator.world import World

E = TypeVar("E", bound=StrEnum)

_SECONDS_MAX: Final = 86_400.0
_COUNT_MAX: Final = 10_000


class ControlError(Exception):
    """The control call cannot be carried out; nothing was changed."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Body:
    """The fields of one control call; every reader refuses what it cannot use, naming the field."""

    def __init__(self, values: Mapping[str, Any], allowed: frozenset[str]) -> None:
        if unknown := sorted(set(values) - allowed):
            wanted = ", ".join(sorted(allowed)) or "none"
            raise ControlError(400, f"Unknown field {', '.join(unknown)}; known: {wanted}.")
        self._values = values

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; without a default it must be there."""
        value = self._values.get(name, default)
        if not isinstance(value, str) or (default is None and not value):
            raise ControlError(400, f"{name} must be a text.")
        return value

    def seconds(self, name: str, default: float = 0.0) -> float:
        """Return a duration of up to a day."""
        return self.number(name, default, most=_SECONDS_MAX)

    def number(self, name: str, default: float, *, most: float) -> float:
        """Return a number from 0 to ``most``."""
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
            raise ControlError(400, f"{name} must be a number from 0 to {most:g}.")
        return float(value)

    def count(self, name: str, default: int = 1) -> int:
        """Return how often; at least once."""
        value = self._values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _COUNT_MAX:
            raise ControlError(400, f"{name} must be a whole number from 1 to {_COUNT_MAX}.")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """Return a true or false."""
        value = self._values.get(name, default)
        if not isinstance(value, bool):
            raise ControlError(400, f"{name} must be true or false.")
        return value

    def choice(self, name: str, sort: type[E], default: E | None = None) -> E:
        """Return one of a set of words; without a default it must be there."""
        value = self._values.get(name, default)
        try:
            return sort(value)
        except ValueError:
            words = ", ".join(each.value or "''" for each in sort)
            raise ControlError(400, f"{name} must be one of {words}.") from None

    def choices(self, name: str, sort: type[E]) -> set[E]:
        """Return a set of words; left out, it is all of them."""
        values = self._values.get(name, [each.value for each in sort])
        if not isinstance(values, list):
            raise ControlError(400, f"{name} must be a list.")
        return {Body({name: value}, frozenset({name})).choice(name, sort) for value in values}

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Return an object; left out, it is empty."""
        value = self._values.get(name, {})
        if not isinstance(value, dict):
            raise ControlError(400, f"{name} must be an object.")
        return value

    def seller_id(self, simulator: Simulator) -> str:
        """Return a seller the simulator knows; left out, it is the first."""
        seller_id = self.text("seller_id", simulator.seller_ids[0])
        if seller_id not in simulator.seller_ids:
            raise ControlError(404, f"There is no seller {seller_id}.")
        return seller_id

    def thing(self, world: World) -> PaymentObject:
        """Return the object that ``object`` names."""
        return find(world, self.text("object"))


def find(world: World, object_id: str) -> PaymentObject:
    """Return an object by id."""
    thing = world.objects.get(object_id)
    if thing is None:
        raise ControlError(404, f"There is no object {object_id}.")
    return thing

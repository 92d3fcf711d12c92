"""Asks the adapters of stores to check their settings against the shops and gateways. Nothing is written there."""

import asyncio
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from payment_actions_server.config import Problem
from payment_actions_server.domain.concealment import Concealer
from payment_actions_server.engine import Store
from payment_actions_server.plugins import AdapterError, CaptureMode, SettingsError

SIDES_AT_ONCE: Final = 16
"""How many shops and gateways are asked at the same time."""

_UNREACHED: Final = "See whether this machine reaches it, then check again"
_BROKEN: Final = "Ask the author of the adapter; without --online the check leaves this out"


class OnlineChecks:
    """The checks of some stores' adapters.

    :param file: the configuration's, for the problems.
    :param secrets: what no problem may show: an adapter's text may quote an address or a header.
    :param seconds_max: how long one adapter may take.
    """

    def __init__(self, file: str, secrets: Sequence[str], seconds_max: float) -> None:
        self._file = file
        self._conceal = Concealer(secrets)
        self._seconds_max = seconds_max

    async def run(self, stores: Mapping[str, Store]) -> list[Problem]:
        """Return what the adapters find, store by store; adapters that cannot check pass."""
        free = asyncio.Semaphore(SIDES_AT_ONCE)

        async def ask(store: Store, key: str, adapter: object) -> list[Problem]:
            async with free:
                found = _settled_by_store(store, key, await self._problems(key, adapter))
                return [self._concealed(problem) for problem in found]

        asked = [
            ask(store, f"stores.{store_id}.{side}", adapter)
            for store_id, store in stores.items()
            for side, adapter in (("platform", store.platform), ("gateway", store.gateway))
            if hasattr(adapter, "check_online")
        ]
        return [problem for found in await asyncio.gather(*asked) for problem in found]

    async def _problems(self, key: str, adapter: Any) -> list[Problem]:
        try:
            async with asyncio.timeout(self._seconds_max) as limit:
                answer = adapter.check_online()
                found = await answer if inspect.isawaitable(answer) else answer
            return list(self._found(key, found))
        except SettingsError as error:
            return list(self._found(key, [error]))
        except AdapterError as error:
            return [self._problem(key, f"could not be asked: {error}", _UNREACHED)]
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an adapter may raise anything; the others are asked
            if isinstance(error, TimeoutError) and limit.expired():
                return [self._problem(key, f"could not be asked: no answer within {self._seconds_max:g} s", _UNREACHED)]
            return [self._problem(key, f"its check failed with {type(error).__name__}: {error}", _BROKEN)]

    def _found(self, key: str, found: object) -> Iterator[Problem]:
        if not isinstance(found, Sequence) or not all(isinstance(each, SettingsError) for each in found):
            yield self._problem(key, "its check answered with something else than settings errors", _BROKEN)
            return
        for error in (one for each in found for one in each.all):
            remedy = error.remedy or "The documentation of the adapter says what it wants"
            yield self._problem(f"{key}.{error.key}" if error.key else key, error.problem, remedy)

    def _problem(self, key: str, problem: str, remedy: str) -> Problem:
        return Problem(self._file, key, problem, remedy)

    def _concealed(self, problem: Problem) -> Problem:
        return Problem(*map(self._conceal, problem))


def _settled_by_store(store: Store, key: str, problems: Sequence[Problem]) -> Iterator[Problem]:
    """Return the problems; ``capture_mode`` is the store's own setting, and no problem where it says what is so."""
    for problem in problems:
        if problem.key != f"{key}.capture_mode":
            yield problem
        elif store.terms.capture_mode is not CaptureMode.IMMEDIATE_CAPTURE:
            yield problem._replace(key=f"stores.{store.store_id}.capture_mode")

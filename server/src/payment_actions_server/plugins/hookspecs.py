"""The hooks of a plugin: discovery and observation. Behaviour is a typed protocol behind them."""

from collections.abc import Mapping
from typing import NamedTuple

import pluggy

from payment_actions_server.domain.event import Event
from payment_actions_server.domain.status import Action, PaymentStatus
from payment_actions_server.plugins.gateway import GatewayFactory
from payment_actions_server.plugins.platform import PlatformFactory

PROJECT_NAME = "payment_actions"

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)


class ReviewRequest(NamedTuple):
    """An action that is about to be offered or started. ``amount_minor`` counts minor units of ``currency_code``."""

    store: str
    order_id: str
    order_number: str
    status: PaymentStatus
    action: Action
    amount_minor: int
    currency_code: str
    actor: str  #: Who asks; empty while a payment is only being looked at.


class AtMost(NamedTuple):
    """A policy's answer: no more than this may be moved. The same limit for every amount that is asked about."""

    amount_minor: int  #: In minor units of the request's currency. 0: nothing at all.
    why: str  #: Why no more, in a sentence for staff.


# -- Discovery: once, at start --------------------------------------------------------------------------------------


@hookspec
def payment_actions_store_platforms() -> Mapping[str, PlatformFactory]:
    """Name the store platform adapters this plugin brings.

    Called once per process, before any store is opened. Do no I/O here.

    :return: adapter name -> ``factory(settings)``. The name is what a store's ``platform.adapter`` setting says.
        A factory does no I/O either; it raises `SettingsError`, which names the key at fault.
        ``{}`` if the plugin brings none. Two plugins with one name: an error that names both.
    """
    return {}  # For type checkers; pluggy never calls a specification.


@hookspec
def payment_actions_gateways() -> Mapping[str, GatewayFactory]:
    """Name the gateway adapters this plugin brings.

    Called once per process, before any store is opened. Do no I/O here.

    :return: adapter name -> ``factory(settings)``. The name is what a store's ``gateway.adapter`` setting says and
        what its history records: never rename one that has moved money. ``{}`` if the plugin brings none.
        Two plugins with one name: an error that names both.
    """
    return {}


# -- Policy: before an action ---------------------------------------------------------------------------------------


@hookspec
def payment_actions_review(request: ReviewRequest) -> str | AtMost | None:  # noqa: ARG001 - has no body
    """Refuse an action, bound its amount, or let it be.

    Called for every action that the rules offer: with the whole amount when a payment is shown, and again when the
    action is called, also with the amount of the call if that is a part. Always give the same answer to the same
    request: be quick, do no I/O, keep no state. A review that raises, or that returns anything else, refuses the
    action, for a broken policy must not open the till.

    :return: a sentence for staff to refuse the amount of the request; `AtMost` to bound the amount, which the offer
        then shows; None to let it be. All plugins are asked: the first refusal counts, else the smallest limit.
    """
    return None


# -- Observation: after the fact ------------------------------------------------------------------------------------


@hookspec
def payment_actions_event(event: Event) -> None:
    """Take note of an event, after it is durable.

    Called from a thread of its own, one event after the other, at most once each: after a crash the events in between
    are only in the history, which is where to read them from when none may be missed. What it raises is logged and
    harms nothing; while it is slow, later events wait, and are dropped (and counted) once 10,000 do.
    """

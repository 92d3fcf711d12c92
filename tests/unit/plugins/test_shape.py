"""What is wrong with an adapter is found before money moves, and no adapter is refused that would have worked."""

import functools
import types
from datetime import UTC, datetime
from unittest.mock import AsyncMock, MagicMock

import pytest

from payment_actions_server.plugins import PaymentGateway, PlatformKind, StorePlatform
from payment_actions_server.plugins.fakes import InMemoryGateway, InMemoryPlatform
from payment_actions_server.plugins.shape import shape_problems


def now():
    return datetime(2026, 1, 1, tzinfo=UTC)


def gateway_with(**members):
    """Return a gateway whose class has these members instead of the right ones; None leaves one out."""
    inherited = {name: value for base in reversed(InMemoryGateway.__mro__[:-1]) for name, value in vars(base).items()}
    kept = {name: value for name, value in (inherited | members).items() if value is not None}
    kept = {name: value for name, value in kept.items() if name not in {"__dict__", "__weakref__"}}
    return type("SampleGateway", (), kept)(now)


def passing_on(function):
    """Decorate without a trace of what is within."""

    def call(*arguments, **options):
        return function(*arguments, **options)

    return call


async def right(self, request):
    """What a gateway's method looks like."""


# -- Found ------------------------------------------------------------------------------------------------------------


async def generating(self, request):
    yield request


def failing(self):
    raise RuntimeError("hunter2")


class Answer:
    def __init__(self, request):
        pass


PLAIN = "its capture is a plain function: its answer is awaited, so write `async def`"
WRONG = {
    "missing": (None, "it has no capture"),
    "plain function": (lambda self, request: None, PLAIN),
    "plain static function": (staticmethod(lambda request: None), PLAIN),
    "plain partial": (functools.partialmethod(lambda self, extra, request: None, 1), PLAIN),
    "plain generator": (lambda self, request: (yield), PLAIN),
    "hidden by a decorator": (passing_on(right), PLAIN),
    "wraps a plain function": (functools.wraps(failing)(lambda self, request: None), PLAIN),
    "asynchronous generator": (
        generating,
        "its capture is an asynchronous generator: it must return one answer, with `return`",
    ),
    "class": (Answer, "its capture is a class, not a method"),
    "property that fails": (property(failing), "its capture cannot be read: it failed with RuntimeError"),
    "value": ("capture", "its capture is of type str, not a method"),
}


@pytest.mark.parametrize(("capture", "said"), WRONG.values(), ids=WRONG)
def test_method_that_cannot_be_awaited_is_named_with_what_is_wrong(capture, said):
    assert shape_problems(gateway_with(capture=capture), PaymentGateway) == [said]


async def without_parameters(self):
    pass


async def with_one_more(self, request, currency):
    pass


async def by_name_only(self, *, request):
    pass


@pytest.mark.parametrize(
    ("capture", "said"),
    [
        (without_parameters, "too many positional arguments"),
        (with_one_more, "missing a required argument: 'currency'"),
        (by_name_only, "too many positional arguments"),
    ],
)
def test_method_with_other_parameters_is_named_with_how_it_is_called(capture, said):
    problems = shape_problems(gateway_with(capture=capture), PaymentGateway)
    assert problems == [f"its capture cannot be called as capture(request): {said}"]


async def by_position(self, changed_after, page_token, page):
    pass


async def in_other_words(self, *, since, page_token, page_size):
    pass


@pytest.mark.parametrize(
    ("list_orders", "said"),
    [
        (by_position, "missing a required argument: 'page'"),
        (in_other_words, "missing a required argument: 'since'"),
    ],
)
def test_keywords_of_a_method_are_held_against_the_protocol(list_orders, said):
    platform = InMemoryPlatform(now)
    platform.list_orders = types.MethodType(list_orders, platform)
    called = "its list_orders cannot be called as list_orders(*, changed_after, page_token, page_size)"
    assert shape_problems(platform, StorePlatform) == [f"{called}: {said}"]


def test_everything_that_is_wrong_is_told_at_once():
    problems = shape_problems(object(), StorePlatform)
    assert problems == ["it has no read_order", "it has no list_orders", "it has no apply_status", "it has no aclose"]


def test_class_in_place_of_an_adapter_is_told():
    assert shape_problems(InMemoryGateway, PaymentGateway) == [
        "its factory returned the class InMemoryGateway, not an instance of it"
    ]


async def test_factory_that_is_asynchronous_is_told_and_leaves_no_coroutine_behind():
    async def factory():
        return InMemoryGateway(now)

    assert shape_problems(factory(), PaymentGateway) == [
        "its factory returned a coroutine: write it with `def` instead of `async def`"
    ]


@pytest.mark.parametrize("member", [lambda self: (), 7, property(failing)], ids=["plain", "value", "property"])
def test_check_online_is_optional_but_not_anything(member):
    (problem,) = shape_problems(gateway_with(check_online=member), PaymentGateway)
    assert problem.startswith("its check_online ")


# -- Let be -----------------------------------------------------------------------------------------------------------


async def of_its_own(self, request):
    pass


class Callable:
    async def __call__(self, request):
        pass


class Unseeable:
    """Whether its call returns something to await shows only when it is called."""

    def __call__(self, request):
        return right(self, request)


@types.coroutine
def of_old(self, request):
    yield


SOUND = {
    "coroutine function": right,
    "static coroutine function": staticmethod(functools.partial(right, None)),
    "partial": functools.partialmethod(right),
    "decorated with wraps": functools.wraps(right)(passing_on(right)),
    "asynchronous decorator around a plain function": functools.wraps(failing)(of_its_own),
    "callable": Callable(),
    "callable that cannot be seen into": Unseeable(),
    "mock": AsyncMock(),
    "mock of anything": MagicMock(),
    "coroutine of old": of_old,
}


@pytest.mark.parametrize("capture", SOUND.values(), ids=SOUND)
def test_method_that_can_be_awaited_is_let_be(capture):
    assert shape_problems(gateway_with(capture=capture), PaymentGateway) == []


async def with_defaults(self, request, /, *, tries=3, **options):
    pass


async def anything(*arguments, **options):
    pass


@pytest.mark.parametrize("capture", [with_defaults, anything])
def test_more_parameters_than_are_given_are_let_be_if_they_have_defaults(capture):
    assert shape_problems(gateway_with(capture=capture), PaymentGateway) == []


def test_decorator_that_brings_an_argument_of_its_own_is_let_be():
    async def needs_a_session(self, session, request):
        pass

    @functools.wraps(needs_a_session)
    async def with_session(self, request):
        return await needs_a_session(self, object(), request)

    assert shape_problems(gateway_with(capture=with_session), PaymentGateway) == []


class Proxy:
    def __init__(self, inner):
        self._inner = inner

    def __getattr__(self, name):
        return getattr(self._inner, name)


def test_proxy_is_as_good_as_what_it_stands_for():
    assert shape_problems(Proxy(InMemoryGateway(now)), PaymentGateway) == []
    assert shape_problems(Proxy(gateway_with(refund=None)), PaymentGateway) == ["it has no refund"]


def test_mocks_of_the_protocols_are_let_be():
    assert shape_problems(MagicMock(spec=PaymentGateway), PaymentGateway) == []
    assert shape_problems(AsyncMock(), StorePlatform) == []


def test_properties_are_not_read_here():
    class Fickle(InMemoryPlatform):
        @property
        def kind(self) -> PlatformKind:
            raise AssertionError("read")

    assert shape_problems(Fickle(now), StorePlatform) == []


def test_no_method_is_called():
    adapter = MagicMock(spec=PaymentGateway)
    shape_problems(adapter, PaymentGateway)
    assert adapter.mock_calls == []

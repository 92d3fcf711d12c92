"""Holds an adapter against its protocol before it is used: what is wrong with it must not show only when money moves.

Nothing is called. An adapter is refused only for what can be seen. An object with a call of its own (a mock, a compiled
function, a wrapper that is no function) may return something to await or not, so it is let be.
"""

import functools
import inspect
from typing import Any, Final

from payment_actions_server.plugins.platform import ChecksOnline

_MISSING: Final = object()
_AWAITABLE_CODE: Final = inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE


def shape_problems(adapter: object, protocol: type) -> list[str]:
    """Return how an adapter differs from its protocol, in words that follow its name; empty when it fits.

    Properties are not read: an adapter declares them once, when its store is opened.

    :param protocol: `PaymentGateway` or `StorePlatform`.
    """
    if why := why_no_adapter(adapter):
        return [why]
    required = [_method_problem(adapter, name, promised, optional=False) for name, promised in _methods(protocol)]
    optional = [_method_problem(adapter, name, promised, optional=True) for name, promised in _methods(ChecksOnline)]
    return [problem for problem in required + optional if problem]


def why_no_adapter(returned: object) -> str:
    """Return why what a factory returned cannot be an adapter at all; empty when it may be one."""
    if returned is None:
        return "its factory returned None"
    if inspect.iscoroutine(returned):
        returned.close()  # Nobody will await it.
        return "its factory returned a coroutine: write it with `def` instead of `async def`"
    if inspect.isclass(returned):
        return f"its factory returned the class {returned.__name__}, not an instance of it"
    return ""


def _methods(protocol: type) -> list[tuple[str, Any]]:
    return [(name, member) for name, member in vars(protocol).items() if inspect.iscoroutinefunction(member)]


def _method_problem(adapter: object, name: str, promised: Any, *, optional: bool) -> str:
    try:
        method = getattr(adapter, name, _MISSING)
    except Exception as error:  # noqa: BLE001 - a property may raise anything
        return f"its {name} cannot be read: it failed with {type(error).__name__}"
    if method is _MISSING:
        return "" if optional else f"it has no {name}"
    if inspect.isclass(method):
        return f"its {name} is a class, not a method"
    if not callable(method):
        return f"its {name} is of type {type(method).__name__}, not a method"
    return _await_problem(name, method) or _call_problem(name, method, promised)


def _await_problem(name: str, method: Any) -> str:
    """Return why the answer of a method cannot be awaited, as far as that can be seen."""
    if inspect.isasyncgenfunction(method):
        return f"its {name} is an asynchronous generator: it must return one answer, with `return`"
    function = method
    while isinstance(function, functools.partial) or inspect.ismethod(function):
        function = function.func if isinstance(function, functools.partial) else function.__func__
    if not inspect.isfunction(function) or function.__code__.co_flags & _AWAITABLE_CODE:
        return ""
    # A decorator that says what it decorates most likely hands on what that returns.
    within = inspect.unwrap(function, stop=inspect.iscoroutinefunction)
    if inspect.iscoroutinefunction(within):
        return ""
    return f"its {name} is a plain function: its answer is awaited, so write `async def`"


def _call_problem(name: str, method: Any, promised: Any) -> str:
    """Return why a method cannot be called as the engine calls it, by its outermost signature."""
    parameters = list(inspect.signature(promised).parameters.values())[1:]  # Without self.
    by_name = {each.name: None for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY}
    by_place = [None for each in parameters if each.name not in by_name]
    try:
        signature = inspect.signature(method, follow_wrapped=False)
    except (TypeError, ValueError):  # A compiled function need not tell.
        return ""
    try:
        signature.bind(*by_place, **by_name)
    except TypeError as error:
        names = [each.name for each in parameters]
        called = ", ".join(["*", *names] if by_name else names)
        return f"its {name} cannot be called as {name}({called}): {error}"
    return ""

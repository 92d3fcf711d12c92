"""Plugins are found, judged one by one, asked and told; whatever is wrong with one harms no other."""

import sys
import textwrap
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import pytest
from structlog.testing import capture_logs

from payment_actions_server.domain.decision import Objection
from payment_actions_server.domain.event import GENESIS
from payment_actions_server.plugins import Action, AtMost, Event, EventType, PaymentStatus, ReviewRequest, hookimpl
from payment_actions_server.plugins.loader import EVENTS_WAITING_MAX, PluginInfo, Plugins, load_plugins

REQUEST = ReviewRequest("shop", "1", "#1", PaymentStatus.AUTHORIZED, Action.CAPTURE, 12_990, "USD", "ann")
EVENT = Event(
    store="shop",
    order_id="1",
    number=1,
    type=EventType.PAYMENT_SEEN,
    time=datetime(2026, 1, 1, tzinfo=UTC),
    actor="ann",
    status_after=PaymentStatus.AUTHORIZED,
    previous_hash=GENESIS,
)

IMPORTS = "from payment_actions_server.plugins import hookimpl\n"
GOOD = """
    @hookimpl
    def payment_actions_gateways():
        return {"good_pay": dict}

    @hookimpl
    def payment_actions_store_platforms():
        return {"good_shop": dict}
"""

Install = Callable[[str, str], Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return what installs a distribution with one module and one entry point in the group ``test_plugins``."""
    monkeypatch.syspath_prepend(tmp_path)
    modules: list[str] = []

    def install(name: str, source: str, *, entry_point: str | None = None) -> Path:
        module = f"loader_test_{name}"
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(IMPORTS + textwrap.dedent(source))
        info = tmp_path / f"{name}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[test_plugins]\n{entry_point or name} = {module}\n")
        return tmp_path

    yield install
    for module in modules:
        sys.modules.pop(module, None)


def found(plugins: Plugins) -> dict[str, PluginInfo]:
    return {info.name: info for info in plugins.found}


class Refuses:
    """A policy."""

    def __init__(self, why: object) -> None:
        self.why = why
        self.asked = 0

    @hookimpl
    def payment_actions_review(self, request: ReviewRequest) -> object:
        self.asked += 1
        if isinstance(self.why, Exception):
            raise self.why
        return self.why


class Observes:
    """An observer that can be held up."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.told = threading.Event()
        self.go = threading.Event()
        self.go.set()

    @hookimpl
    def payment_actions_event(self, event: Event) -> None:
        self.told.set()
        self.go.wait(10)
        self.seen.append(event.number)


# -- Finding ----------------------------------------------------------------------------------------------------------


def test_adapters_of_an_installed_distribution_are_found(install):
    where = install("good", GOOD)
    plugins = load_plugins("test_plugins")
    assert plugins.gateways == {"good_pay": dict}
    assert plugins.store_platforms == {"good_shop": dict}
    assert plugins.found == (
        PluginInfo("good", "1.2", f"good in {where}", "", store_platforms=("good_shop",), gateways=("good_pay",)),
    )


def test_without_any_plugin_there_is_nothing_and_nothing_fails():
    plugins = load_plugins("test_plugins")
    assert (plugins.found, dict(plugins.gateways), dict(plugins.store_platforms)) == ((), {}, {})
    assert plugins.review(REQUEST) is None
    plugins.event(EVENT)
    plugins.close()


BROKEN = {
    "import": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "syntax": ("def (", "SyntaxError"),
    "exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "misspelt": (
        "@hookimpl\ndef payment_actions_gatways():\n    return {}",
        "payment_actions_gatways: no such hook. Did you mean payment_actions_gateways? The hooks are: payment_actions_",
    ),
    "argument": (
        "@hookimpl\ndef payment_actions_review(order):\n    return None",
        "Argument(s) {'order'} are declared in the hookimpl but can not be found in the hookspec",
    ),
    "unmarked": (
        "def payment_actions_gateways():\n    return {}",
        "payment_actions_gateways: not marked @hookimpl, so never called",
    ),
    "nothing": ("", "implements no hook of payment-actions"),
    "raising": (
        "@hookimpl\ndef payment_actions_gateways():\n    raise RuntimeError('no key')",
        "RuntimeError: no key",
    ),
    "list": (
        "@hookimpl\ndef payment_actions_gateways():\n    return ['a']",
        "payment_actions_gateways returned list, not a mapping",
    ),
    "factory": (
        "@hookimpl\ndef payment_actions_gateways():\n    return {'a': 1}",
        "payment_actions_gateways returned 'a': 1, not a name and a factory",
    ),
}


@pytest.mark.parametrize(("source", "error"), BROKEN.values(), ids=BROKEN)
def test_broken_plugin_is_named_and_harms_no_other(install, source, error):
    install("good", GOOD)
    install("bad", source)
    with capture_logs() as logs:
        plugins = load_plugins("test_plugins")
    assert error in found(plugins)["bad"].error
    assert found(plugins)["good"].error == ""
    assert list(plugins.gateways) == ["good_pay"]
    assert [(line["plugin"], line["event"]) for line in logs] == [("bad", "plugin_broken")]


def test_two_plugins_with_one_adapter_name_are_both_named_and_neither_is_taken(install):
    source = "@hookimpl\ndef payment_actions_gateways():\n    return {{'twice': dict, '{0}': dict}}"
    for name in ("first", "second"):
        install(name, source.format(name))
    plugins = load_plugins("test_plugins")
    assert sorted(plugins.gateways) == ["first", "second"]
    for info in plugins.found:
        assert "'twice' is brought by first (first in " in info.error
        assert "and by second (second in " in info.error


def test_two_entry_points_of_one_name_are_told_apart(install):
    install("one", GOOD, entry_point="pay")
    install("two", GOOD.replace("good", "other"), entry_point="pay")
    plugins = load_plugins("test_plugins")
    assert [info.name for info in plugins.found] == ["pay", "pay#2"]
    assert sorted(plugins.gateways) == ["good_pay", "other_pay"]


@pytest.mark.parametrize("broken", ["one", "two"])
def test_of_two_plugins_with_one_name_both_are_meant_by_it(install, broken):
    for name in ("one", "two"):
        source = "import no_such_module" if name == broken else GOOD.replace("good", name)
        install(name, source, entry_point="pay")
    plugins = load_plugins("test_plugins")
    assert [bool(info.error) for info in plugins.named("pay")] == [name == broken for name in ("one", "two")]
    assert [info.origin.partition(" in ")[0] for info in plugins.broken] == [broken]
    assert plugins.named("two") == ()


def test_roles_tell_what_a_plugin_is_used_for(install):
    review = "\n    @hookimpl\n    def payment_actions_review():\n        return None\n"
    observe = "\n    @hookimpl\n    def payment_actions_event():\n        pass\n"
    install("all", GOOD + review + observe)
    install("broken", "import no_such_module")
    install("half", review + "\n    @hookimpl\n    def payment_actions_gateways():\n        return 7\n")
    roles = {info.name: info.roles for info in load_plugins("test_plugins").found}
    assert roles == {"all": ("adapters", "reviews", "observes"), "broken": ("none",), "half": ("reviews",)}


def test_plugin_that_is_given_twice_is_taken_once():
    policy = Refuses("no")
    plugins = Plugins.of(policy, policy)
    assert [info.error for info in plugins.found] == ["", "is the plugin Refuses once more"]
    assert plugins.review(REQUEST) == Objection("Refuses", "no")


def test_modules_and_objects_can_be_plugins_without_installation():
    module = ModuleType("own_adapters")
    module.payment_actions_gateways = _gateways
    plugins = Plugins.of(module, Refuses("no"))
    assert [info.name for info in plugins.found] == ["own_adapters", "Refuses"]
    assert list(plugins.gateways) == ["pay"]
    assert plugins.review(REQUEST) == Objection("Refuses", "no")


@hookimpl
def _gateways() -> dict[str, object]:
    return {"pay": dict}


# -- Policy -----------------------------------------------------------------------------------------------------------


def test_action_that_no_policy_objects_to_is_let_be():
    policy = Refuses(None)
    assert Plugins.of(policy).review(REQUEST) is None
    assert policy.asked == 1


def test_a_say_has_whoever_brings_a_policy():
    assert not Plugins.of().reviewing
    assert Plugins.of(Refuses(None)).reviewing


def test_refusal_names_its_plugin():
    class Lenient(Refuses):
        pass

    assert Plugins.of(Refuses("Not on Sundays."), Lenient(None)).review(REQUEST) == Objection(
        "Refuses", "Not on Sundays."
    )


def test_policy_that_wants_to_be_first_is_asked_first():
    class First:
        @hookimpl(tryfirst=True)
        def payment_actions_review(self):
            return "first"

    assert Plugins.of(First(), Refuses("second")).review(REQUEST) == Objection("First", "first")
    assert Plugins.of(Refuses("second"), First()).review(REQUEST) == Objection("First", "first")


def test_review_that_raises_refuses_and_is_logged():
    with capture_logs() as logs:
        plugin, why, _ = Plugins.of(Refuses(RuntimeError("disk full"))).review(REQUEST)
    assert plugin == "Refuses"
    assert "policy of plugin Refuses failed" in why
    assert "disk full" not in why
    assert [line["event"] for line in logs] == ["plugin_review_failed"]


@pytest.mark.parametrize("amount_minor", [12_990, 12_991, 10**18])
def test_limit_that_leaves_room_for_the_amount_is_no_objection(amount_minor):
    assert Plugins.of(Refuses(AtMost(amount_minor, "No more."))).review(REQUEST) is None


def test_smallest_limit_counts_and_names_its_plugin():
    class Stricter(Refuses):
        pass

    for policies in ([Refuses(AtMost(50_00, "50")), Stricter(AtMost(20_00, "20"))], [Stricter(AtMost(20_00, "20"))]):
        assert Plugins.of(*policies).review(REQUEST) == Objection("Stricter", "20", 20_00)
        assert Plugins.of(*reversed(policies)).review(REQUEST) == Objection("Stricter", "20", 20_00)


@pytest.mark.parametrize("refusal", ["Never.", RuntimeError("disk full"), AtMost(0, "Never."), AtMost(-1, "Never."), 7])
def test_refusal_beats_a_limit(refusal):
    class Refusing(Refuses):
        pass

    limit = Refuses(AtMost(20_00, "20"))
    for policies in ([limit, Refusing(refusal)], [Refusing(refusal), limit]):
        objection = Plugins.of(*policies).review(REQUEST)
        assert (objection.policy, objection.limit_minor) == ("Refusing", 0)


@pytest.mark.parametrize(
    "nonsense",
    [
        AtMost(20_00, ""),
        AtMost(20_00, None),
        AtMost(20.0, "No more."),
        AtMost("2000", "No more."),
        AtMost(None, "No more."),
        AtMost(True, "No more."),
        (20_00, "No more."),
        20_00,
        {"amount_minor": 20_00},
    ],
    ids=repr,
)
def test_limit_that_makes_no_sense_refuses(nonsense):
    objection = Plugins.of(Refuses(nonsense)).review(REQUEST)
    assert objection == Objection("Refuses", "Plugin Refuses refuses it and gives no reason.")


def test_review_that_would_end_the_process_refuses():
    class Exits:
        @hookimpl
        def payment_actions_review(self):
            raise SystemExit(1)

    assert "failed" in Plugins.of(Exits()).review(REQUEST).why


def test_words_of_a_policy_can_be_kept_by_every_database():
    assert Plugins.of(Refuses("cut \ud83d off\0")).review(REQUEST).why == "cut \ufffd off\ufffd"


@pytest.mark.parametrize("why", ["", "  ", True, 0, []])
def test_review_without_a_reason_refuses_all_the_same(why):
    assert Plugins.of(Refuses(why)).review(REQUEST) == Objection(
        "Refuses", "Plugin Refuses refuses it and gives no reason."
    )


def test_policy_of_a_plugin_with_broken_adapters_does_not_lapse():
    class HalfBroken(Refuses):
        @hookimpl
        def payment_actions_gateways(self):
            raise RuntimeError("no key")

    plugins = Plugins.of(HalfBroken("no"))
    assert "no key" in plugins.found[0].error
    assert plugins.reviewing
    assert plugins.review(REQUEST) == Objection("HalfBroken", "no")


# -- Observation ------------------------------------------------------------------------------------------------------


def test_events_are_told_in_order_in_a_thread_of_their_own():
    observer = Observes()
    plugins = Plugins.of(observer)
    for number in range(1, 101):
        plugins.event(_numbered(number))
    plugins.close()
    assert observer.seen == list(range(1, 101))
    assert plugins.events_dropped == 0


@pytest.mark.parametrize("error", [RuntimeError("no network"), SystemExit(1)], ids=repr)
def test_observer_that_raises_is_logged_and_the_others_are_told(error):
    class Raises:
        @hookimpl
        def payment_actions_event(self, event):
            raise error

    observer = Observes()
    with capture_logs() as logs:
        plugins = Plugins.of(observer, Raises())
        plugins.event(EVENT)
        plugins.event(EVENT)
        plugins.close()
    assert observer.seen == [1, 1]
    assert [(line["event"], line["plugin"]) for line in logs] == [("plugin_event_failed", "Raises")] * 2


def test_slow_observer_holds_nobody_up_and_what_is_too_much_is_counted():
    observer = Observes()
    observer.go.clear()
    plugins = Plugins.of(observer)
    plugins.event(_numbered(0))
    assert observer.told.wait(10)  # The thread holds one; from here on all wait.
    with capture_logs() as logs:
        for number in range(1, EVENTS_WAITING_MAX + 1_502):
            plugins.event(_numbered(number))
    assert plugins.events_dropped == 1_501
    assert [line["dropped"] for line in logs] == [1, 1_001]
    observer.go.set()
    plugins.close()
    assert observer.seen == list(range(EVENTS_WAITING_MAX + 1))


def test_close_does_not_wait_for_ever():
    observer = Observes()
    observer.go.clear()
    plugins = Plugins.of(observer)
    plugins.event(EVENT)
    assert observer.told.wait(10)
    with capture_logs() as logs:
        plugins.close(seconds_max=0.01)
    assert [line["event"] for line in logs] == ["plugin_events_abandoned"]
    observer.go.set()


def test_event_after_close_is_dropped():
    observer = Observes()
    plugins = Plugins.of(observer)
    plugins.close()
    plugins.event(EVENT)
    assert (observer.seen, plugins.events_dropped) == ([], 1)


def _numbered(number: int) -> Event:
    return Event(**{name: getattr(EVENT, name) for name in EVENT.__slots__} | {"number": number})

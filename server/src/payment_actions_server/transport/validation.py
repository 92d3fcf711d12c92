"""The rules of requests, once, by field name; the contract's comments say them to callers.

Whether a field may be left out is not said here: the contract's own ``field_behavior`` is read for that.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.domain.money import EXPONENTS
from payment_actions_server.engine.overview import DAYS_MAX
from payment_actions_server.engine.view import PAGE_SIZE_MAX
from payment_actions_server.transport.errors import InvalidFields, Violation

SERVICE: Final = pb.DESCRIPTOR.services_by_name["PaymentActions"]
ITEMS_MAX: Final = 10_000
STORES_MAX: Final = 1000
STATUSES_MAX: Final = 100


class Rule(NamedTuple):
    """What a field must be, and in words: they complete "<field> must be ..."."""

    says: str
    holds: Callable[[Any], object]


def _matches(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern, re.ASCII).fullmatch


def _money(money: Money) -> bool:
    exponent = EXPONENTS.get(money.currency_code)
    if exponent is None or not -999_999_999 <= money.nanos <= 999_999_999:
        return False
    opposed = (money.units > 0 > money.nanos) or (money.units < 0 < money.nanos)
    return not opposed and money.nanos % 10 ** (9 - exponent) == 0


def _timestamp(time: Timestamp) -> bool:  # Years 1 to 9999, as protobuf says.
    return -62_135_596_800 <= time.seconds <= 253_402_300_799 and 0 <= time.nanos <= 999_999_999


def _one_of(*values: int) -> Callable[[int], bool]:
    return frozenset(values).__contains__


_STORE: Final = Rule(
    "1 to 64 characters of a-z 0-9 -, beginning with a letter or digit", _matches(r"[a-z0-9][a-z0-9-]{0,63}")
)
_NOTE: Final = Rule("at most 1000 characters, none of them NUL", lambda text: len(text) <= 1000 and "\0" not in text)
_REASON_MISSING: Final = "1 to 1000 characters, none of them NUL"
_SETTLED: Final = (pb.OPERATION_STATE_SUCCEEDED, pb.OPERATION_STATE_FAILED)

RULES: Final[Mapping[str, Rule]] = {
    # Of every request; the service's comment in the contract lists them, and a test holds the two together.
    "store": _STORE,
    "order_id": Rule(
        "1 to 128 characters, none of them a control character", _matches(r"[^\x00-\x1f\x7f-\x9f]{1,128}")
    ),
    "operation_id": Rule("26 characters of 0-9 a-z", _matches(r"[0-9a-z]{26}")),
    "request_id": Rule("1 to 64 characters of A-Z a-z 0-9 . _ : -", _matches(r"[A-Za-z0-9._:-]{1,64}")),
    "note": _NOTE,
    "reason": _NOTE,
    "page_size": Rule("0 to 1000", lambda size: 0 <= size <= PAGE_SIZE_MAX),
    # Of one request; its field's comment says them.
    "payment_method": Rule(
        "at most 128 characters, none of them NUL", lambda text: len(text) <= 128 and "\0" not in text
    ),
    # Lengths are looked at first: whoever walks millions of values holds up everybody else.
    "stores": Rule(
        f"at most {STORES_MAX} store ids of {_STORE.says}",
        lambda stores: len(stores) <= STORES_MAX and all(map(_STORE.holds, stores)),
    ),
    "statuses": Rule(
        f"at most {STATUSES_MAX} payment statuses of the contract, none of them UNSPECIFIED",
        lambda statuses: len(statuses) <= STATUSES_MAX and all(map(_one_of(*pb.PaymentStatus.values()[1:]), statuses)),
    ),
    "action": Rule("CAPTURE, VOID, REFUND or REFRESH", _one_of(*pb.Action.values()[1:])),
    "state": Rule("OPERATION_STATE_SUCCEEDED or OPERATION_STATE_FAILED", _one_of(*_SETTLED)),
    "amount": Rule("in an ISO 4217 currency in use, no finer than its minor unit, units and nanos of one sign", _money),
    "authorization_expire_before": Rule("a time from year 1 to year 9999", _timestamp),
    "refresh_due_before": Rule("a time from year 1 to year 9999", _timestamp),
    "order_search": Rule(
        "at most 128 characters, none of them a control character", _matches(r"[^\x00-\x1f\x7f-\x9f]{0,128}")
    ),
    "days": Rule(f"0 to {DAYS_MAX}", lambda days: 0 <= days <= DAYS_MAX),
    "after_sequence": Rule("0 or more", lambda sequence: sequence >= 0),
    "items": Rule(f"1 to {ITEMS_MAX} items", lambda items: len(items) <= ITEMS_MAX),
}

FREE: Final = frozenset({"etag", "page_token", "needing_attention", "store_update_failing", "validate_only"})
"""Fields without a rule: flags, and what only its maker, the engine, can judge."""

_REQUEST_ID_MISSING: Final = f"{RULES['request_id'].says}; only REFRESH and validate_only go without"
_NO_AMOUNT: Final = "absent: only CAPTURE and REFUND take an amount"
_WITH_AMOUNT: Final = frozenset({pb.ACTION_CAPTURE, pb.ACTION_REFUND})


class _Check(NamedTuple):
    field: str
    get: Callable[[Message], Any]  #: Falsy when the field is not set.
    required: bool
    rule: Rule


def check(request: Message) -> None:
    """Refuse a request that breaks a rule.

    :raises InvalidFields: names every field that does.
    """
    violations = list(_violations(request))
    if violations:
        raise InvalidFields(violations)


def check_item(item: pb.ActionItem, index: int, *, validate_only: bool) -> list[Violation]:
    """Return the rules that one item of RunActions breaks."""
    violations = list(_violations(item))
    if not item.request_id and not validate_only and item.action != pb.ACTION_REFRESH:
        violations.append(Violation("request_id", _REQUEST_ID_MISSING))
    if item.action not in _WITH_AMOUNT and item.HasField("amount"):
        violations.append(Violation("amount", _NO_AMOUNT))
    return [Violation(f"items[{index}].{field}", rule) for field, rule in violations]


def _violations(request: Message) -> Iterator[Violation]:
    for field, get, required, rule in _CHECKS[type(request)]:
        value = get(request)
        if not rule.holds(value) if value else required:
            yield Violation(field, rule.says if value or rule is not _NOTE else _REASON_MISSING)


def _getter(field: FieldDescriptor) -> Callable[[Any], Any]:
    name = field.name
    if field.message_type is not None and not field.is_repeated:
        # A message is truthy whether it was set or not.
        return lambda request: getattr(request, name) if request.HasField(name) else None
    return lambda request: getattr(request, name)


def _compile(message: Descriptor) -> tuple[_Check, ...]:
    def required(field: FieldDescriptor) -> bool:
        # The package types its own extension as a plain field descriptor, which its index does not take.
        behaviors: Any = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]  # type: ignore[index]
        return field_behavior_pb2.REQUIRED in behaviors

    fields = [field for field in message.fields if field.name not in FREE]
    return tuple(_Check(field.name, _getter(field), required(field), RULES[field.name]) for field in fields)


# Read from the contract once: a request field without a rule is an error at start, not a hole.
_CHECKS: Final[Mapping[type[Message], tuple[_Check, ...]]] = {
    GetMessageClass(message): _compile(message)
    for message in (*(method.input_type for method in SERVICE.methods), pb.ActionItem.DESCRIPTOR)
}

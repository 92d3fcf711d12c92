"""Amazon's two dialects of XML: API replies, and the data of notifications."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from .details import Tree
from .money import Money, api_text, notification_text

_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>'


class Dialect(NamedTuple):
    """How one of the two writes what both say."""

    namespace: str
    id_element: str
    amount_text: Callable[[Money], str]


API: Final = Dialect("http://mws.amazonservices.com/schema/OffAmazonPayments/2013-01-01", "member", api_text)
NOTIFICATION: Final = Dialect(
    "https://mws.amazonservices.com/ipn/OffAmazonPayments/2013-01-01", "Id", notification_text
)


def reply(action: str, result: Tree | None, request_id: str) -> bytes:
    """Write the answer to a call that was executed; ConfirmOrderReference has no result element (None)."""
    tree: dict[str, Tree] = {} if result is None else {f"{action}Result": result}
    tree["ResponseMetadata"] = {"RequestId": request_id}
    return _document(f"{action}Response", tree, API).encode()


def error_reply(code: str, message: str, request_id: str, *, request_id_name: str) -> bytes:
    """Write an ErrorResponse; Amazon spells ``RequestId`` or ``RequestID``, so the caller says which."""
    error = {"Type": "Sender", "Code": code, "Message": message}
    return _document("ErrorResponse", {"Error": error, request_id_name: request_id}, API).encode()


def notification_data(root: str, name: str, details: Tree) -> str:
    """Write the NotificationData of a notification, whose root holds one element ``name``."""
    return _document(root, {name: details}, NOTIFICATION)


def _document(root_name: str, tree: Tree, dialect: Dialect) -> str:
    root = Element(root_name, xmlns=dialect.namespace)
    _fill(root, tree, dialect)
    indent(root, "    ")
    return _DECLARATION + tostring(root, encoding="unicode")


def _fill(parent: Element, tree: Tree, dialect: Dialect) -> None:
    for name, value in tree.items():
        element = SubElement(parent, name)
        if isinstance(value, str):
            element.text = value
        elif isinstance(value, Money):
            SubElement(element, "Amount").text = dialect.amount_text(value)
            SubElement(element, "CurrencyCode").text = value.currency
        elif isinstance(value, list):
            for one in value:
                SubElement(element, dialect.id_element).text = one
        else:
            _fill(element, value, dialect)

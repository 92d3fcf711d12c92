"""Durable memory: payments, operations, events, store updates, notifications."""

from payment_actions_server.storage._interface import Body, RuleBroken, Storage, StorageUnavailable
from payment_actions_server.storage.lists import names_of
from payment_actions_server.storage.open import open_storage
from payment_actions_server.storage.overview import MOVED, DayRow, Expiring, Movement, Waiting
from payment_actions_server.storage.work import PaymentFilter, PaymentWork, Record

__all__ = [
    "MOVED",
    "Body",
    "DayRow",
    "Expiring",
    "Movement",
    "PaymentFilter",
    "PaymentWork",
    "Record",
    "RuleBroken",
    "Storage",
    "StorageUnavailable",
    "Waiting",
    "names_of",
    "open_storage",
]

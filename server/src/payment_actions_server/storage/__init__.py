"""Durable memory: payments, operations, events, store updates, notifications."""

from payment_actions_server.storage._interface import Body, RuleBroken, Storage, StorageUnavailable
from payment_actions_server.storage.open import open_storage
from payment_actions_server.storage.work import PaymentFilter, PaymentWork, Record

__all__ = [
    "Body",
    "PaymentFilter",
    "PaymentWork",
    "Record",
    "RuleBroken",
    "Storage",
    "StorageUnavailable",
    "open_storage",
]

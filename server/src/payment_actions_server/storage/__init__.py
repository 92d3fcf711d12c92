"""Durable memory: payments, operations, events, store updates, notifications."""

from payment_actions_server.storage._interface import Body, Storage, StorageUnavailable
from payment_actions_server.storage.open import open_storage
from payment_actions_server.storage.unit_of_work import PaymentFilter, UnitOfWork

__all__ = ["Body", "PaymentFilter", "Storage", "StorageUnavailable", "UnitOfWork", "open_storage"]

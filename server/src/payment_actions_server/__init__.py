"""The payment-actions service. Adapter authors need only `payment_actions_server.plugins`."""

__version__ = "0.1.0"

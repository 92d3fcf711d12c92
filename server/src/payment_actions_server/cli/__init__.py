"""The command line `payment-actions`."""

from payment_actions_server.cli.program import app, main

__all__ = ["app", "main"]

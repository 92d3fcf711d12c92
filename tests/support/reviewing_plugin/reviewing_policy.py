"""A shop's own policy, as a third party would package it: large refunds need somebody else's word."""

from payment_actions_server.plugins import Action, ReviewRequest, hookimpl

LIMIT_MINOR = 500_00
REASON = "Refunds of more than 500.00 need Carla in finance: extension 214."


@hookimpl
def payment_actions_review(request: ReviewRequest) -> str | None:
    if request.action is Action.REFUND and request.amount_minor > LIMIT_MINOR:
        return REASON
    return None

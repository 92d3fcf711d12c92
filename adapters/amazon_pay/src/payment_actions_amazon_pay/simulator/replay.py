"""The caller's reference ids: what makes a repeated call harmless."""

from __future__ import annotations

from .parameters import Parameters
from .refusals import Code, Refusal
from .world import T, Use, World


def replayed(
    world: World, parameters: Parameters, action: str, target_id: str, reference_id: str, sort: type[T]
) -> T | None:
    """Return the transaction that an identical earlier call has made, or None if the reference id is new.

    It is looked for before the target's status, so that a replay of the Capture that closed its authorization
    still gets its capture. UNCONFIRMED: the transaction is shown as it is now, not as it was at first.

    :raises Refusal: DuplicateRequest if the id came with other parameters, compared as written (``5.0`` is
        not ``5.00``, UNCONFIRMED); DuplicateReferenceId if it belongs to another object or operation.
    """
    use = world.references.get((parameters.seller_id, parameters.environment, reference_id))
    if use is None:
        return None
    if (use.action, use.target_id) != (action, target_id):
        message = f"The reference id {reference_id} is already in use by {use.object_id}."
        raise Refusal(Code.DUPLICATE_REFERENCE_ID, message)
    if use.parameters != parameters.values:
        message = f"A request with reference id {reference_id} and other parameters made {use.object_id}."
        raise Refusal(Code.DUPLICATE_REQUEST, message)
    return world.get(use.object_id, sort)


def remember(
    world: World, parameters: Parameters, action: str, target_id: str, reference_id: str, object_id: str
) -> None:
    """Bind a reference id for good: also a transaction that ends Declined is replayed."""
    key = (parameters.seller_id, parameters.environment, reference_id)
    assert key not in world.references
    world.references[key] = Use(action, target_id, dict(parameters.values), object_id)

r"""The API of X-Cart 5.0-5.4: ``/admin.php?target=RESTAPI``, module ``XC\RESTAPI``.

Source of the behaviour: the module's controller and schemas (``Controller/Admin/RESTAPI.php``,
``Core/Schema/{ASchema,Native,Complex}.php``, ``Model/AEntity.php``), the core's loader
(``Model/Repo/ARepo.php``), and a running shop of 5.4.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import legacy_shapes as shapes
from .errors import InvalidArgument
from .legacy_lists import select
from .legacy_request import METHODS, Refused, read_input, read_method, read_model, to_number
from .legacy_transactions import load_transaction
from .shop import PAYMENT, SHIPPING, Order, Shop

#: An entity's path is its class's path in small letters: ``Model\Order\Status\Payment`` -> its table here.
_STATUSES: Final = {"order-status-payment": PAYMENT, "order-status-shipping": SHIPPING}
_ENTITIES: Final = ("order", "payment-transaction", *_STATUSES)


@dataclass(frozen=True)
class Keys:
    """The module's two keys; a read goes with either of them."""

    read: str
    write: str

    def who(self, given: str, *, writing: bool) -> str:
        """Name the key, or refuse it."""
        if hmac.compare_digest(given.encode(), self.write.encode()):
            return "write key"
        if not writing and hmac.compare_digest(given.encode(), self.read.encode()):
            return "read key"
        raise Refused(403)


class LegacyApi:
    """The one endpoint, over one shop."""

    def __init__(self, shop: Shop, keys: Keys) -> None:
        self._shop = shop
        self._keys = keys

    def routes(self) -> list[Route]:
        """Return the one route of this API; the shop may have renamed its admin script."""
        return [Route("/{script:str}.php", self._answer, methods=list(METHODS))]

    async def _answer(self, request: Request) -> Response:
        try:
            if request.path_params["script"] + ".php" != self._shop.settings.admin_self:
                raise Refused(404)
            return _reply(self._process(await read_input(request), request))
        except Refused as refusal:
            headers = {"X-REST-Error": refusal.message} if refusal.message else {}
            return Response(refusal.body, refusal.status, headers, media_type="application/json")

    def _process(self, given: Mapping[str, Any], request: Request) -> Any:
        """Return the data the request asks for; None is what an unknown id gets, with status 200."""
        if given.get("target") != "RESTAPI":
            raise Refused(404)
        method = read_method(given, request.headers, request.method)
        entity, one, identifier = str(given.get("_path", "")).partition("/")
        if entity not in _ENTITIES or given.get("_schema", "default") not in ("default", "complex"):
            raise Refused(404)  # before the key: the module answers 403 only for a path it has
        who = self._keys.who(str(given.get("_key", "")), writing=method != "GET")
        try:
            if method == "GET":
                return self._get_one(entity, identifier, given) if one else self._get_all(entity, given)
            if method != "PUT" or not one or given.get("_schema") == "complex":
                raise Refused(403)
            return self._put(entity, identifier, read_model(given), who)
        except InvalidArgument as error:  # The module catches every exception, and prints an empty array.
            raise Refused(400, str(error), "[]") from None

    def _get_all(self, entity: str, given: Mapping[str, Any]) -> Any:
        if entity in _STATUSES:
            return [shapes.status_json(row) for row in self._shop.statuses[_STATUSES[entity]].rows()]
        if entity != "order":
            raise Refused(403)  # Not simulated: nobody lists the transactions of a whole shop.
        conditions = given.get("_cnd") if self._shop.settings.legacy_version != "5.1" else None
        conditions = conditions if isinstance(conditions, dict) else {}
        return [shapes.list_json(order) for order in select(self._shop.list_placed(), conditions)]

    def _get_one(self, entity: str, identifier: str, given: Mapping[str, Any]) -> Any:
        if entity in _STATUSES:
            row = self._shop.statuses[_STATUSES[entity]].by_id(to_number(identifier))
            return shapes.named_status_json(row) if row else None
        order = self._find(entity, identifier)
        if order is None:
            return None
        if entity == "payment-transaction":
            return shapes.transaction_json(order)
        return shapes.complex_json(order) if given.get("_schema") == "complex" else shapes.order_json(order)

    def _put(self, entity: str, identifier: str, model: Mapping[str, Any], who: str) -> Any:
        if entity in _STATUSES:
            raise Refused(403)  # Not simulated: nobody writes a status through its own path.
        order = self._find(entity, identifier)
        if order is None:
            return None
        if entity == "payment-transaction":
            load_transaction(self._shop, order, model, who=who)
            return shapes.transaction_json(order)
        for key, field in (("paymentStatus", PAYMENT), ("shippingStatus", SHIPPING)):
            if isinstance(model.get(key), dict):  # The loader passes over a status that is no record.
                self._shop.load_status(order, field, model[key], who=who)
        return shapes.order_json(order)

    def _find(self, entity: str, identifier: str) -> Order | None:
        """Return an order or a cart, by its own id or by its transaction's."""
        number = to_number(identifier)
        if entity == "order":
            return self._shop.orders.get(number)
        return next((order for order in self._shop.orders.values() if order.transaction.id == number), None)


def _reply(data: Any) -> Response:
    text = json.dumps(data).encode()
    digest = hashlib.md5(text, usedforsecurity=False)
    headers = {
        "ETag": digest.hexdigest(),
        "Last-Modified": formatdate(usegmt=True),
        "Content-MD5": base64.b64encode(digest.digest()).decode(),
    }
    return Response(text, headers=headers, media_type="application/json")

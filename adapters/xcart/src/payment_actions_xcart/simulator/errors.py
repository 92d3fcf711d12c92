"""Why the simulated shop refuses a request."""


class InvalidArgument(Exception):
    """The request names an order, a code or a value that X-Cart does not have."""


class OrderMissing(InvalidArgument):
    """No order has this id or number."""

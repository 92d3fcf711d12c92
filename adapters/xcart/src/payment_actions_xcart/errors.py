"""What this adapter raises beyond the plugin API's own errors."""

from payment_actions_server.plugins import AdapterError, SettingsError, Unavailable


class Misconfigured(SettingsError, Unavailable):
    """X-Cart refuses because a setting is wrong: nothing happened, nor will it until somebody corrects it.

    It is both: a settings error, for it names the key at fault; and Unavailable, for it is found out only by
    asking, and the same request is fine once the key or the address is.
    """


class ShopFailed(Unavailable):
    """X-Cart answered, and its answer is an error inside X-Cart: HTTP 5xx, or 400 from the older API.

    The connection works. If X-Cart fails each time on one order, other orders can still be asked about.
    """


class UnknownStatus(AdapterError):
    """The shop has no such payment status; the message says what it has."""

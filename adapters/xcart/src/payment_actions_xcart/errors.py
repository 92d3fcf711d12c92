"""What this adapter raises beyond the plugin API's own errors."""

from payment_actions_server.plugins import AdapterError, SettingsError, Unavailable


class Misconfigured(SettingsError, Unavailable):
    """X-Cart refuses because a setting is wrong: nothing happened, nor will it until somebody corrects it.

    It is both: a settings error, for it names the key at fault; and Unavailable, for it is found out only by
    asking, and the same request is fine once the key or the address is.
    """


class UnknownCode(AdapterError):
    """The shop has no payment status with the code that was written; the message is X-Cart's own."""

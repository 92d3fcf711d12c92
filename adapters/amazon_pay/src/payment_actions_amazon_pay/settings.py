"""A store's Amazon Pay settings: read once, checked whole, never shown where they are secret."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from typing import Annotated, Any, ClassVar, Final, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, StrictBool

from payment_actions_server.plugins import NO_UNKNOWN_KEYS, Secret, SettingsError, parse_settings


class Region(NamedTuple):
    """Where a seller's account lives."""

    name: str  #: Amazon's own grouping; two spellings of one region are one account.
    host: str


NORTH_AMERICA: Final = Region("na", "mws.amazonservices.com")
EUROPE: Final = Region("eu", "mws-eu.amazonservices.com")
JAPAN: Final = Region("jp", "mws.amazonservices.jp")

REGIONS: Final[Mapping[str, Region]] = {
    "us": NORTH_AMERICA,
    "na": NORTH_AMERICA,
    "uk": EUROPE,
    "de": EUROPE,
    "eu": EUROPE,
    "jp": JAPAN,
}

LIVE_PATH: Final = "/OffAmazonPayments/2013-01-01"
SANDBOX_PATH: Final = "/OffAmazonPayments_Sandbox/2013-01-01"

_TOPIC: Final = r"^arn:aws[a-z-]*:sns:[a-z0-9-]{1,32}:[0-9]{12}:[A-Za-z0-9_-]{1,256}$"


def _loopback(url: str) -> str:
    parts = urlsplit(url)
    plain = parts.scheme == "http" and parts.port and parts.path in {"", "/"} and "@" not in parts.netloc
    if not (plain and _is_loopback(parts.hostname or "") and not parts.query and not parts.fragment):
        raise ValueError('must be "http://127.0.0.1:PORT": the simulator only ever runs on this machine')
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False  # A name, even "localhost", is what somebody's resolver says it is.


@dataclass(frozen=True, slots=True, kw_only=True)
class AmazonPayV1Settings:
    """What a store's ``[stores.<id>.gateway]`` table says."""

    __pydantic_config__: ClassVar[ConfigDict] = NO_UNKNOWN_KEYS

    region: Literal["us", "na", "uk", "de", "eu", "jp"]
    sandbox: StrictBool
    seller_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    access_key: Secret
    secret_key: Secret
    mws_auth_token: Secret | None = None  #: Only when acting for another seller.
    notification_topics: Annotated[tuple[Annotated[str, Field(pattern=_TOPIC)], ...], Field(max_length=20)] = ()
    """The SNS topics whose notifications are this account's. Empty: every notification is refused."""
    simulator: Annotated[str, AfterValidator(_loopback)] | None = None
    """Our simulator's URL, in Amazon's place; certificates and subscriptions are then fetched there too."""
    throttling: StrictBool = True
    """Whether to keep Amazon's request quotas; only a simulator that was started without them needs none."""
    soft_descriptor: Annotated[str, Field(max_length=16)] = ""
    """What the buyer's statement says; empty: what Amazon prints by itself."""
    close_order_references: StrictBool = True
    """Whether an order reference is closed after its capture, and cancelled after its authorization timed out."""
    timeout_seconds: Annotated[float, Field(strict=True, gt=0, le=54, allow_inf_nan=False)] = 15.0
    """How long one answer of Amazon is waited for."""

    @property
    def endpoint(self) -> str:
        """Return the URL every call is posted to, exactly as it is signed: no slash at the end."""
        path = SANDBOX_PATH if self.sandbox else LIVE_PATH
        return (self.simulator or f"https://{REGIONS[self.region].host}") + path

    @property
    def release_environment(self) -> str:
        """Return Amazon's word for the environment, as notifications spell it."""
        return "Sandbox" if self.sandbox else "Live"

    @property
    def account(self) -> str:
        """Return whose money this is: the same for two stores of one seller, region and environment."""
        environment = "sandbox" if self.sandbox else "live"
        return f"amazon_pay_v1:{REGIONS[self.region].name}:{environment}:{self.seller_id}"

    @property
    def fingerprint(self) -> str:
        """Return a digest of the credentials, from which none of them can be read."""
        keys = (self.access_key, self.secret_key, self.mws_auth_token)
        digest = sha256(b"payment-actions amazon_pay_v1 credentials")
        for key in keys:
            value = key.get_secret_value().encode() if key else b""
            digest.update(len(value).to_bytes(4, "big") + value)  # Lengths: ("a", "bc") is not ("ab", "c").
        return digest.hexdigest()


def settings_from(table: Mapping[str, Any]) -> AmazonPayV1Settings:
    """Return a store's table as settings.

    :raises SettingsError: names the key that is missing, unknown or wrong.
    """
    settings = parse_settings(AmazonPayV1Settings, table)
    if settings.simulator and not settings.sandbox:
        raise SettingsError("simulator", "needs sandbox = true: a live store never talks to a simulator")
    if not settings.throttling and not settings.simulator:
        raise SettingsError("throttling", "can be switched off for a simulator only: Amazon enforces its quotas")
    return settings

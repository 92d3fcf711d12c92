"""The configuration: one TOML file, read once into frozen dataclasses. Nothing else reads the environment.

Every problem is found in one go and told with the file, the key, what is wrong and what to do about it.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, PlainValidator, SecretStr, TypeAdapter, ValidationError

from payment_actions_server.domain.status import CaptureMode, OrderCheck
from payment_actions_server.log import LEVELS, Level
from payment_actions_server.plugins import NO_UNKNOWN_KEYS
from payment_actions_server.transport.validation import RULES

SECRET_BYTES_MAX: Final = 64 * 1024
CONFIG_BYTES_MAX: Final = 4 * 1024 * 1024
_SECRET_KEYS: Final = frozenset({"env", "file"})
_SQLITE: Final = "sqlite:///"


class Problem(NamedTuple):
    """One thing that is wrong with the configuration."""

    file: str
    key: str  #: Dotted, as the file has it; empty when it is about the whole file.
    problem: str  #: What is wrong. Never shows a secret.
    remedy: str

    def __str__(self) -> str:
        """Return it as one line for people."""
        where = f"{self.file}: {self.key}" if self.key else self.file
        return f"{where}: {self.problem.rstrip('.')}. {self.remedy}"


class ConfigError(Exception):
    """The configuration cannot be used. ``problems`` has every reason."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = list(problems)


class Address(NamedTuple):
    """Where to listen. Port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as the configuration says it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Tell whether only this machine reaches it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


GRPC_DEFAULT: Final = Address("127.0.0.1", 50051)
HTTP_DEFAULT: Final = Address("127.0.0.1", 8080)


_ORIGIN: Final = re.compile(
    r"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(?::(?P<port>[0-9]{1,5}))?"
)
_HOST: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_USUAL_PORTS: Final[Mapping[str, int]] = {"http": 80, "https": 443}


def _address(value: Any) -> Address:
    if isinstance(value, Address):
        return value
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:\[\]/]+)):([0-9]{1,5})", str(value))
    if match is None or int(match[3]) > 65_535:
        raise ValueError("is not an address")
    return Address(match[1] or match[2], int(match[3]))


def _origin(value: Any) -> str:
    """Return an origin as browsers write it; what they never send would be listed in vain."""
    parts = _ORIGIN.fullmatch(value) if isinstance(value, str) else None
    if parts is None:
        raise ValueError("is not an origin")
    scheme, host, port = parts["scheme"].lower(), parts["host"].lower(), parts["port"]
    if "*" in host:
        raise ValueError("has a wildcard; each origin is listed by itself")
    if not host.isascii():
        raise ValueError("is not an origin as browsers write it, with the host in ASCII (xn--...)")
    if host.startswith("["):
        host = f"[{_ipv6(host[1:-1])}]"
    elif host.rpartition(".")[2].isdecimal():
        host = _ipv4(host)
    elif not _HOST.fullmatch(host):
        raise ValueError("is not an origin: its host is not a name")
    if port and not 0 < int(port) <= 65_535:
        raise ValueError("is not an origin: its port is not 1 to 65535")
    canonical = f"{scheme}://{host}"
    if port and int(port) != _USUAL_PORTS[scheme]:
        canonical += f":{int(port)}"
    if value != canonical:
        raise ValueError(f"is not an origin as browsers write it, which is {canonical}")
    return canonical


def _ipv4(host: str) -> str:
    try:
        return str(IPv4Address(host))
    except ValueError:
        raise ValueError("is not an origin: its host is not an IPv4 address") from None


def _ipv6(host: str) -> str:
    try:
        return str(IPv6Address(host))
    except ValueError:
        raise ValueError("is not an origin: its host is not an IPv6 address") from None


_Origin = Annotated[str, PlainValidator(_origin)]
_Address = Annotated[Address, PlainValidator(_address)]
_Text = Annotated[str, Field(min_length=1, strict=True)]
_Flag = Annotated[bool, Field(strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """The table ``[server]``."""

    __pydantic_config__: ClassVar[ConfigDict] = NO_UNKNOWN_KEYS

    grpc: _Address = GRPC_DEFAULT
    http: _Address = HTTP_DEFAULT
    http_origins: tuple[_Origin, ...] = ()
    database: _Text = field(default="sqlite:///payment-actions.db", repr=False)  # It may have a password in it.
    insecure_listen: _Flag = False
    grace_seconds: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False, strict=True)] = 30.0
    lease_seconds: Annotated[float, Field(ge=1, le=3600, allow_inf_nan=False, strict=True)] = 60.0
    log_level: Level = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterConfig:
    """Which adapter, and the settings that only it understands; secrets are `SecretStr` in there."""

    __pydantic_config__: ClassVar[ConfigDict] = NO_UNKNOWN_KEYS

    adapter: _Text
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    """A table ``[stores.<id>]``."""

    __pydantic_config__: ClassVar[ConfigDict] = NO_UNKNOWN_KEYS

    payment_methods: Annotated[tuple[_Text, ...], Field(min_length=1)]
    capture_mode: CaptureMode
    partial_capture: _Flag = False
    partial_refund: _Flag = False
    order_check: OrderCheck = OrderCheck.BEFORE_MONEY
    required_plugins: tuple[_Text, ...] = ()
    platform: AdapterConfig
    gateway: AdapterConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All of it."""

    server: ServerConfig = field(default_factory=ServerConfig)
    stores: Mapping[str, StoreConfig] = field(default_factory=dict)
    file: str = ""  #: Where it came from, for messages.
    secrets: tuple[str, ...] = field(default=(), repr=False)  #: What no log line may show.


# pydantic's kinds of error, in the words of somebody who writes TOML.
_SAID: Final[Mapping[str, str]] = {
    "bool_type": "is neither true nor false",
    "dataclass_type": "is not a table",
    "float_type": "is not a number",
    "string_too_short": "is empty",
    "string_type": "is not a text",
    "too_short": "is empty",
    "tuple_type": "is not a list",
}

_Table = TypeVar("_Table", ServerConfig, StoreConfig)

# What to write, by the last part of a key; docs/configuration.md says more.
_REMEDIES: Final[Mapping[str, str]] = {
    "grpc": 'Give host:port, e.g. "127.0.0.1:50051"',
    "http": 'Give host:port, e.g. "127.0.0.1:8080"',
    "http_origins": 'List origins: scheme, host and, if it is not the usual one, port, e.g. ["https://shop.example"]',
    "database": 'Give a database URL, e.g. "sqlite:///payment-actions.db"',
    "insecure_listen": "Give true or false",
    "grace_seconds": "Give a number of seconds from 0 to 3600",
    "lease_seconds": "Give a number of seconds from 1 to 3600",
    "log_level": f"Give one of {', '.join(LEVELS)}",
    "payment_methods": "List the platform's names of the methods that are this gateway's, e.g. [\"Amazon Pay\"]",
    "capture_mode": f"Give one of {', '.join(CaptureMode)}",
    "order_check": f"Give one of {', '.join(OrderCheck)}",
    "partial_capture": "Give true or false",
    "partial_refund": "Give true or false",
    "required_plugins": 'List names of plugins, e.g. ["shop_policy"]; `payment-actions plugins` lists what was found',
    "platform": "Add the table with its adapter and settings",
    "gateway": "Add the table with its adapter and settings",
    "adapter": "Name the adapter; `payment-actions plugins` lists those that were found",
}


def load_config(path: str | os.PathLike[str], environment: Mapping[str, str] | None = None) -> Config:
    """Return the configuration that the file says.

    :param environment: where ``{ env = "NAME" }`` looks; the process's own unless given.
    :raises ConfigError: with every problem that can be found without opening the stores.
    """
    config, problems = read_config(path, environment)
    if problems:
        raise ConfigError(problems)
    return config


def read_config(
    path: str | os.PathLike[str], environment: Mapping[str, str] | None = None
) -> tuple[Config, list[Problem]]:
    """Return as much of the configuration as is right, and everything that is not."""
    reader = _Reader(Path(path), os.environ if environment is None else environment)
    return reader.config(), reader.problems


class _Reader:
    """Reads one file, collecting problems on the way."""

    def __init__(self, path: Path, environment: Mapping[str, str]) -> None:
        self._path = path
        self._environment = environment
        self._secrets: list[str] = []
        self.problems: list[Problem] = []

    def config(self) -> Config:
        """Return what is right of the file."""
        document = self._document()
        if document is None:
            return Config(file=str(self._path))
        self._only(document, ("server", "stores"), "")
        server = self._server(document.get("server", {}))
        stores = self._stores(document.get("stores", {}))
        return Config(server=server, stores=stores, file=str(self._path), secrets=tuple(self._secrets))

    def _document(self) -> dict[str, Any] | None:
        try:
            with self._path.open("rb") as file:
                text = file.read(CONFIG_BYTES_MAX).decode()
            return tomllib.loads(text)
        except OSError as error:
            self._add("", f"cannot be read: {error.strerror}", "Name a readable TOML file with --config")
        except UnicodeDecodeError as error:
            self._add("", f"is not UTF-8 (byte {error.start})", "Save it as UTF-8")
        except tomllib.TOMLDecodeError as error:
            self._add("", f"is not TOML: {error}", "Correct it there; secrets and texts stand in quotes")
        return None

    def _server(self, table: Any) -> ServerConfig:
        server = self._shaped(ServerConfig, self._resolved(table, "server"), "server") or ServerConfig()
        for key in ("grpc", "http"):
            address: Address = getattr(server, key)
            if not address.loopback and not server.insecure_listen:
                self._add(
                    f"server.{key}",
                    f"{address} is reached from beyond this machine, and there is no authentication yet",
                    "Listen on 127.0.0.1, or set server.insecure_listen = true if the network keeps strangers out",
                )
        if server.grpc == server.http and server.grpc.port:
            self._add("server.http", f"{server.http} is server.grpc's address too", "Give each its own port")
        if password := _password_in(server.database):
            self._secrets.append(password)
        return replace(server, database=self._beside_the_file(server.database))

    def _beside_the_file(self, database: str) -> str:
        # Wherever the service is started from, it finds the same history.
        if not database.startswith(_SQLITE) or database.startswith(f"{_SQLITE}:"):
            return database
        return _SQLITE + str(self._path.parent.absolute() / database.removeprefix(_SQLITE))

    def _stores(self, tables: Any) -> dict[str, StoreConfig]:
        if not isinstance(tables, dict) or not tables:
            self._add("stores", "no store is configured", "Add a table [stores.<id>] for each shop")
            return {}
        stores = {}
        for store_id, table in tables.items():
            key = f"stores.{store_id}"
            if not RULES["store"].holds(store_id):
                self._add(key, "is not a store id", f"A store id is {RULES['store'].says}")
            before = len(self.problems)
            store = self._shaped(StoreConfig, self._store_table(table, key), key)
            if store is not None and len(self.problems) == before:
                stores[store_id] = store
        return stores

    def _store_table(self, table: Any, key: str) -> Any:
        """Return the table with the adapters' own settings apart from ours, secrets resolved."""
        if not isinstance(table, dict):
            return table
        shaped = dict(table)
        for side in ("platform", "gateway"):
            adapter = table.get(side)
            if isinstance(adapter, dict):
                settings = {name: value for name, value in adapter.items() if name != "adapter"}
                named = {"adapter": adapter["adapter"]} if "adapter" in adapter else {}
                shaped[side] = named | {"settings": self._resolved(settings, f"{key}.{side}")}
        return shaped

    # -- Secrets --------------------------------------------------------------------------------------------------

    def _resolved(self, value: Any, key: str) -> Any:
        if isinstance(value, list):
            return [self._resolved(item, f"{key}.{index}") for index, item in enumerate(value)]
        if not isinstance(value, dict):
            return value
        if value and value.keys() <= _SECRET_KEYS:
            return self._secret(value, key)
        return {name: self._resolved(item, f"{key}.{name}") for name, item in value.items()}

    def _secret(self, source: Mapping[str, Any], key: str) -> SecretStr | None:
        kind, name = next(iter(source.items()))
        if len(source) > 1 or not isinstance(name, str) or not name:
            self._add(key, "is not a secret's place", 'Give { env = "NAME" } or { file = "path" }, one of them')
            return None
        text = self._from_environment(name, key) if kind == "env" else self._from_file(name, key)
        if text is None:
            return None
        self._secrets.append(text)
        return SecretStr(text)

    def _from_environment(self, name: str, key: str) -> str | None:
        text = self._environment.get(name)
        if text:
            return text
        state = "empty" if name in self._environment else "not set"
        self._add(key, f"the environment variable {name} is {state}", f"Set {name} for the service's process")
        return None

    def _from_file(self, name: str, key: str) -> str | None:
        path = self._path.parent / name
        try:
            with path.open("rb") as file:
                content = file.read(SECRET_BYTES_MAX + 1)
            text = content.decode().rstrip("\r\n")
        except OSError as error:
            self._add(
                key, f"the secret's file {path} cannot be read: {error.strerror}", "Make it readable to the service"
            )
            return None
        except UnicodeDecodeError:
            self._add(key, f"the secret's file {path} is not UTF-8 text", "Put the secret into it as text")
            return None
        if not text or len(content) > SECRET_BYTES_MAX:
            state = "is empty" if not text else f"is larger than {SECRET_BYTES_MAX} bytes"
            self._add(key, f"the secret's file {path} {state}", "Put the secret into it, and nothing else")
            return None
        return text

    # -- Shape ----------------------------------------------------------------------------------------------------

    def _shaped(self, shape: type[_Table], table: Any, key: str) -> _Table | None:
        if isinstance(table, dict):
            table = {name: _plain(value) if name == "database" else value for name, value in table.items()}
        try:
            return TypeAdapter(shape).validate_python(table)
        except ValidationError as invalid:
            for error in invalid.errors(include_url=False, include_input=False, include_context=False):
                self._add_shape(shape, key, [str(part) for part in error["loc"]], error["type"], error["msg"])
            return None

    def _add_shape(self, shape: type[_Table], key: str, path: list[str], kind: str, message: str) -> None:
        dotted = ".".join([key, *path])
        last = path[0] if len(path) > 1 and path[-1].isdecimal() else (path or [key])[-1]
        if kind == "missing":
            self._add(dotted, "is missing", _REMEDIES[last])
        elif kind in {"extra_forbidden", "unexpected_keyword_argument"}:
            self._add_unknown(dotted, last, [setting.name for setting in fields(shape)])
        else:
            said = _SAID.get(kind) or message.removeprefix("Value error, ").removeprefix("Input ")
            self._add(dotted, said, _REMEDIES.get(last, "Write it as a table"))

    def _only(self, table: Mapping[str, Any], known: Collection[str], prefix: str) -> None:
        for name in table.keys() - set(known):
            self._add_unknown(f"{prefix}{name}", name, known)

    def _add_unknown(self, dotted: str, name: str, known: Iterable[str]) -> None:
        self._add(dotted, "is not a setting", closest(name, known, "settings"))

    def _add(self, key: str, problem: str, remedy: str) -> None:
        self.problems.append(Problem(str(self._path), key, problem, remedy))


def _password_in(database: str) -> str | None:
    try:
        return urlsplit(database).password
    except ValueError:  # It may show the password. Whoever opens the storage is told in other words.
        return None


def _plain(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def closest(name: str, known: Iterable[str], what: str) -> str:
    """Return a remedy for a name that nobody knows: what it may have meant, and what there is."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    meant = f"Did you mean {near[0]}? " if near else ""
    return f"{meant}The {what} are: {', '.join(names)}" if names else f"There are no {what}"


def settings() -> Iterator[tuple[str, Any]]:
    """Yield every setting's dotted key with its default; what has none is required and yields `...`."""
    for prefix, shape in (("server", ServerConfig), ("stores.<id>", StoreConfig)):
        for setting in fields(shape):
            yield f"{prefix}.{setting.name}", ... if setting.default is MISSING else setting.default

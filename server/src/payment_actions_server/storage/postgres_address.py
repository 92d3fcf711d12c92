"""What a PostgreSQL address says: which servers it names, and what to call them where nobody may see the password."""

from urllib.parse import urlsplit

PORT = 5432


def each_host(url: str) -> list[str]:
    """Return an address for each server that ``url`` names, of which one is the primary."""
    parts = urlsplit(url)
    login, at, hosts = parts.netloc.rpartition("@")
    if "," not in hosts:
        return [url]
    return [parts._replace(netloc=f"{login}{at}{host}").geturl() for host in hosts.split(",")]


def name_of(url: str) -> str:
    """Return the servers and the database.

    :raises ValueError: a port is no number.
    """
    servers = map(urlsplit, each_host(url))
    return ",".join(f"{server.hostname or ''}:{server.port or PORT}" for server in servers) + urlsplit(url).path

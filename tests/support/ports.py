"""Ports that stay a server's own while it is down."""

import random
import socket

# Below the range from which the kernel takes ports for outgoing connections: while the server is down nobody else
# gets its port, and no client that tries it connects to itself.
PORTS = range(20_000, 32_000)


def free_port() -> int:
    """Return a port that nobody listens at."""
    # Not seeded: tests that run beside one another must not try the same ports.
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError(f"no free port among {PORTS}")

"""``make chaos``: a long campaign, its report on the screen; the exit code says whether anything was wrong."""

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from support.chaos.campaign import campaign


def main() -> int:
    """Run one."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument(
        "--sqlite", action="store_true", help="one replica over SQLite instead of three over PostgreSQL"
    )
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="payment-actions-chaos-"))
    print(f"seed {arguments.seed}, {arguments.minutes:g} min; logs in {folder}", flush=True)  # noqa: T201
    report = campaign(
        folder,
        seed=arguments.seed,
        seconds=arguments.minutes * 60,
        clients=arguments.clients,
        replica_count=1 if arguments.sqlite else 3,
        postgres=not arguments.sqlite,
    )
    print(report)  # noqa: T201
    return bool(report.found)


if __name__ == "__main__":
    sys.exit(main())

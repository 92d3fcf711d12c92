"""docs/xcart.md names what a user can set, write or ask for."""

from dataclasses import fields
from pathlib import Path

import pytest

from payment_actions_server.plugins import PaymentStatus
from payment_actions_xcart.settings import Settings
from payment_actions_xcart.simulator import app, control, control_fields, faults, vocabulary
from payment_actions_xcart.simulator.admin import Section
from payment_actions_xcart.simulator.settings import ShopSettings
from payment_actions_xcart.simulator.shop import Shop
from payment_actions_xcart.statuses import CODES

DOCS = (Path(__file__).parents[3] / "docs" / "xcart.md").read_text()


def named():
    yield from (field.name for field in fields(Settings))
    yield from faults.KINDS
    yield from (field.name for field in fields(faults.Fault))
    yield from vocabulary.STORAGE_STYLES
    yield from vocabulary.AMAZON_MODULES
    yield from (field.name for field in fields(ShopSettings))
    yield from vocabulary.CELL_NAMES
    yield from (field for field in control_fields.ORDER_FIELDS if field != "total")
    yield from (route.path.replace(":int", "") for route in control.Control(Shop(), [], Section()).routes())
    yield from (option for action in app._parser()._actions for option in action.option_strings if option[:2] == "--")


@pytest.mark.parametrize("name", sorted({name for name in named() if name not in ("--help", "count", "path")}))
def test_it_is_documented(name):
    assert f"`{name}`" in DOCS or f'"{name}"' in DOCS or f"{name}`" in DOCS


@pytest.mark.parametrize("status", PaymentStatus)
def test_the_status_map_is_the_documented_one(status):
    (row,) = [line for line in DOCS.splitlines() if line.startswith(f"| `{status}` |")]
    assert row.split("|")[2].split()[0] == f"`{CODES[status]}`"

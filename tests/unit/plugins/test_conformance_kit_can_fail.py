"""The kit is worth what it catches: it is run on adapters that are each wrong in one way."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from payment_actions_server.plugins.conformance import GatewayConformance, PlatformConformance

BROKEN = Path(__file__).with_name("broken_adapters.py")

# What must catch what. Every test of the kit stands here at least once.
CAUGHT_BY = {
    # Gateways
    "NewReferenceForEachAttempt": [
        "test_repeat_under_the_same_reference_is_one_effect",
        "test_simultaneous_repeat_is_one_effect",
        "test_lost_answer_moves_money_once",
    ],
    "TakesNoAnswerForNothingHappened": ["test_lost_answer_moves_money_once"],
    "TakesALostRequestForAConflict": [
        "test_lost_request_leaves_no_trace_and_can_be_repeated",
        "test_throttled_call_moves_nothing",
        "test_gateway_that_is_down_moves_nothing",
    ],
    "RaisesDeclines": ["test_decline_is_a_result_not_an_error"],
    "TakesAConflictForNothingHappened": ["test_call_in_wrong_state_is_a_conflict"],
    "FindsEveryReference": [
        "test_unknown_reference_looks_up_as_none",
        "test_lost_request_leaves_no_trace_and_can_be_repeated",
    ],
    "CountsWhatIsPending": ["test_pending_is_no_fact_until_settled"],
    "LosesTheThirdDigit": ["test_snapshots_tell_the_exact_truth_through_a_life"],
    "CallsAVoidADecline": ["test_snapshot_of_a_voided_payment_says_so"],
    "RemembersTheFirstSnapshot": ["test_change_made_at_the_console_shows"],
    "CapturesOnlyTheFirstPart": [
        "test_action_moves_the_whole_amount_once",
        "test_parts_add_up_where_partial_amounts_are_declared",
    ],
    "ChangesItsCapabilities": ["test_capabilities_are_sane_and_never_change"],
    "ChecksItselfAtOnce": ["test_every_method_can_be_called_and_awaited"],
    "TellsItsSecret": ["test_secrets_never_show"],
    "HidesThatItIsDown": ["test_gateway_that_is_down_moves_nothing"],
    "AnswersWithNulls": ["test_action_moves_the_whole_amount_once", "test_lost_answer_moves_money_once"],
    "AnswersInItsOwnWords": ["test_action_moves_the_whole_amount_once"],
    "NumbersItsIds": ["test_pending_is_no_fact_until_settled"],
    "RefusesWithoutAWord": ["test_gateway_that_is_down_moves_nothing", "test_throttled_call_moves_nothing"],
    "CountsInFloats": ["test_snapshots_tell_the_exact_truth_through_a_life"],
    "NeverComesBack": ["test_throttled_call_moves_nothing"],
    "DeclaresInWords": ["test_capabilities_are_sane_and_never_change"],
    "NamesPaymentsByNumber": ["test_genuine_notification_names_its_payment"],
    "BelievesEveryNotification": ["test_forged_notifications_are_refused"],
    "BreaksOnGarbage": ["test_garbage_is_refused_as_a_notification"],
    "NumbersDeliveries": ["test_genuine_notification_names_its_payment"],
    # Platforms
    "WritesWhatever": [
        "test_status_is_held_after_one_write_and_not_written_again",
        "test_late_write_never_pushes_an_order_back",
        "test_order_that_staff_moved_on_stays_where_it_is",
        "test_write_whose_answer_was_lost_is_not_written_twice",
    ],
    "GoesThroughFloats": ["test_total_is_read_to_the_last_digit"],
    "NumbersItsOrders": ["test_order_is_read_as_the_platform_tells_it"],
    "TellsTimeWithoutAZone": ["test_listing_is_complete_and_in_order"],
    "CallsAMissingOrderUnavailable": ["test_unknown_order_is_missing"],
    "EchoesTheIdItIsAskedFor": ["test_order_has_one_id_however_it_is_spelled"],
    "MakesUpItsWords": ["test_order_is_read_as_the_platform_tells_it", "test_written_status_is_read_back"],
    "ForgetsTheLastOfAPage": ["test_listing_is_complete_and_in_order"],
    "LeavesOutTheTimeItself": ["test_listing_after_a_time_leaves_out_only_what_is_older"],
    "TakesItsPageByPlace": ["test_every_method_can_be_called_and_awaited"],
    "TellsItsSecretToo": ["test_secrets_never_show"],
    "ChangesItsKind": ["test_kind_is_declared_and_never_changes"],
    "HidesTrouble": ["test_platform_that_is_down_is_unavailable"],
}
PAIRS = [(adapter, test) for adapter, tests in CAUGHT_BY.items() for test in tests]


def test_every_broken_adapter_is_caught():
    assert set(PAIRS) - failed_when_run() == set()


def test_every_test_of_the_kit_catches_something():
    kit = {name for kit in (GatewayConformance, PlatformConformance) for name in vars(kit) if name.startswith("test_")}
    assert kit == {test for _, test in PAIRS}


def failed_when_run() -> set[tuple[str, str]]:
    """Run the kit on the broken adapters in a process of its own; return (adapter, test) of what failed."""
    nodes = [f"{BROKEN}::Test{adapter}::{test}" for adapter, test in PAIRS]
    options = [
        "-q",
        "-rf",
        "--tb=no",
        "--import-mode=importlib",
        "--noconftest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}
    # Without our configuration: in pytest-asyncio's strict mode, as an adapter author may well have it.
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--rootdir", str(BROKEN.parent), "-c", os.devnull, *options, *nodes],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout + run.stderr
    return set(re.findall(r"^FAILED .*::Test(\w+)::(\w+)", run.stdout, re.MULTILINE))

"""`run` and `watch` as processes, against a real service and a simulated gateway that counts what really happened."""

import csv
import json
import os
import pty
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.settling import PatientStage, Shopfront, until

from payment_actions_client import Client
from payment_actions_server.demo.checkout import Checkout
from payment_actions_server.demo.stage import Stage

PROGRAM = str(Path(sys.executable).with_name("payment-actions"))


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with PatientStage(tmp_path_factory.mktemp("stage"), database="") as running:
        yield running


@pytest.fixture
def front(stage):
    stage.amazon.send("DELETE", "faults")
    with Client(stage.target, actor="test") as client:
        yield Shopfront(stage, client, Checkout(stage, "eu-shop"))


@pytest.fixture
def orders(front):
    return [front.order("10.00") for _ in range(6)]


@pytest.fixture
def source(tmp_path, orders):
    return write(tmp_path / "orders.csv", [("eu-shop", order.order_id) for order in orders])


def write(path, rows, columns=("store", "order_id")):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def start(stage, *arguments, **options):
    environment = os.environ | {"PAYMENT_ACTIONS_SERVER": stage.target}
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen([PROGRAM, *map(str, arguments)], text=True, env=environment, **pipes)


def finish(process):
    out, messages = process.communicate(timeout=120)
    return process.returncode, out, messages


def run(stage, *arguments, **options):
    return finish(start(stage, "run", *arguments, **options))


def results(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def decline_next_capture(stage):
    stage.amazon.send(
        "POST", "plans", operation="Capture", state="Declined", reason_code="AmazonRejected", count=1
    )  # fmt: skip


# -- What it does ---------------------------------------------------------------------------------------------------


def test_every_order_is_captured_once_and_the_result_file_says_so(stage, front, orders, source):
    code, out, messages = run(stage, "--from", source, "--action", "capture", "--yes")
    assert (code, "6 SUCCEEDED" in messages, "60.00 EUR" in out) == (0, True, True)
    rows = results(source.with_suffix(".results.csv"))
    assert [row["order_id"] for row in rows] == [order.order_id for order in orders]
    assert {(row["state"], row["operation_amount"]) for row in rows} == {("SUCCEEDED", "10.00 EUR")}
    assert all(front.effects(order) == ["capture"] for order in orders)


def test_the_same_command_again_sends_nothing_once_all_has_ended(stage, front, orders, source):
    run(stage, "--from", source, "--action", "capture", "--yes")
    code, _, messages = run(stage, "--from", source, "--action", "capture", "--yes")
    assert code == 0
    assert "Nothing was sent." in messages
    assert all(front.effects(order) == ["capture"] for order in orders)


def test_a_dry_run_says_what_each_would_do_and_moves_nothing(stage, front, orders, source):
    front.client.void("eu-shop", orders[3].order_id)
    code, out, _ = run(stage, "--from", source, "--action", "capture", "--dry-run")
    assert code == 9
    assert out.count("10.00 EUR") == 5
    assert not source.with_suffix(".results.csv").exists()
    assert [front.effects(order) for order in orders[:3]] == [[], [], []]


def test_one_that_is_declined_and_one_that_is_refused_stop_no_other(stage, front, orders, source):
    front.client.void("eu-shop", orders[3].order_id)
    decline_next_capture(stage)
    code, out, messages = run(stage, "--from", source, "--action", "capture", "--yes")
    assert code == 9
    states = sorted(row["state"] for row in results(source.with_suffix(".results.csv")))
    assert states == ["DECLINED", "REFUSED", *["SUCCEEDED"] * 4]
    assert "AmazonRejected" in out
    assert "ACTION_NOT_AVAILABLE" in out
    assert "4 SUCCEEDED" in messages


def test_with_json_each_answer_is_a_line_and_the_last_is_the_summary(stage, orders, source):
    code, out, _ = run(stage, "--from", source, "--action", "capture", "--yes", "--json")
    *lines, last = map(json.loads, out.splitlines())
    assert code == 0
    assert {line["orderId"] for line in lines} == {order.order_id for order in orders}
    assert all(line["requestId"] and line["operationId"] for line in lines)
    assert last["summary"]["states"] == {"SUCCEEDED": 6}


def test_columns_say_what_the_options_do_not(stage, front, orders, tmp_path):
    one, other = orders[:2]
    rows = [(one.order_id, "void", "", "sold out"), (other.order_id, "CAPTURE", "10.00 EUR", "")]
    source = write(tmp_path / "orders.csv", rows, ("order_id", "action", "amount", "note"))
    assert run(stage, "--from", source, "--store", "eu-shop", "--note", "shipped", "--yes")[0] == 0
    assert (front.effects(one), front.effects(other)) == (["void"], ["capture"])
    notes = [row["note"] for row in results(tmp_path / "orders.results.csv")]
    assert notes == ["sold out", "shipped"]


# -- Interrupted ----------------------------------------------------------------------------------------------------


def test_killed_in_the_middle_it_goes_on_with_the_same_ids_and_nothing_acts_twice(stage, front, tmp_path):
    orders = [front.order("10.00") for _ in range(40)]
    source = write(tmp_path / "orders.csv", [("eu-shop", order.order_id) for order in orders])
    kept = tmp_path / "kept.csv"
    command = ("--from", source, "--action", "capture", "--result", kept, "--yes")
    for seconds, count in ((0, 8), (10, 10_000)):  # The first are quick, and it is killed long before the last.
        stage.amazon.send(
            "POST", "faults/calls", operation="Capture", kind="slow", executes="before", seconds=seconds, count=count
        )  # fmt: skip
    process = start(stage, "run", *command)
    until(lambda: kept.exists() and "SUCCEEDED" in kept.read_text(), "the first answers")
    process.kill()
    process.wait()
    ids = {row["order_id"]: row["request_id"] for row in results(kept)}
    answered = {row["order_id"] for row in results(kept) if row["state"]}
    assert len(ids) == 40
    assert 0 < len(answered) < 40
    with kept.open("a") as file:
        file.write("7,eu-shop,torn")  # Killed while writing: the line has no end.
    stage.amazon.send("DELETE", "faults")
    code, _, messages = run(stage, *command)
    assert "goes on with the same request ids" in messages
    while code == 5:  # What was under way when it was killed may still be.
        code, _, messages = run(stage, *command)
    assert code == 0
    assert {row["order_id"]: row["request_id"] for row in results(kept)} == ids
    assert {row["state"] for row in results(kept)} == {"SUCCEEDED"}
    for order in orders:
        assert front.effects(order) == ["capture"]
        started = [event for event in front.client.list_events("eu-shop", order.order_id) if event.type == 2]
        assert len(started) == 1


def test_ctrl_c_says_how_to_go_on(stage, orders, source):
    stage.amazon.send(
        "POST", "faults/calls", operation="Capture", kind="slow", executes="before", seconds=10, count=10000
    )
    process = start(stage, "run", "--from", source, "--action", "capture", "--yes")
    until(source.with_suffix(".results.csv").exists, "the run to begin")
    process.send_signal(signal.SIGINT)
    code, _, messages = finish(process)
    assert code == 5
    assert "The same command again goes on" in messages


def test_a_disk_that_fills_up_in_the_middle_is_not_told_as_nothing_done(stage, front, orders, source):
    def few_bytes():  # The plan fits, its answers do not.
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    code, _, messages = run(stage, "--from", source, "--action", "capture", "--yes", preexec_fn=few_bytes)
    assert code == 5
    assert "The same command again goes on" in messages
    assert run(stage, "--from", source, "--action", "capture", "--yes")[0] == 0
    assert [front.effects(order) for order in orders] == [["capture"]] * 6


def test_a_reader_that_goes_away_in_the_middle_is_not_told_as_nothing_done(stage, orders, source):
    read, written = os.pipe()
    os.close(read)
    process = start(stage, "run", "--from", source, "--action", "capture", "--yes", "--json", stdout=written)
    os.close(written)
    assert finish(process)[0] == 5


def test_a_folder_that_goes_away_in_the_middle_takes_the_last_word_with_it_and_not_the_answers(stage, orders, tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    source = write(tmp_path / "orders.csv", [("eu-shop", order.order_id) for order in orders])
    stage.amazon.send("POST", "faults/calls", operation="Capture", kind="slow", executes="before", seconds=2, count=6)
    process = start(stage, "run", "--from", source, "--action", "capture", "--yes", "--result", folder / "kept.csv")
    until((folder / "kept.csv").exists, "the run to begin")
    folder.rename(tmp_path / "elsewhere")
    code, _, messages = finish(process)
    assert code == 0
    assert "6 SUCCEEDED" in messages
    assert [row["state"] for row in results(tmp_path / "elsewhere" / "kept.csv")].count("SUCCEEDED") == 6


def test_a_result_file_of_other_input_is_refused_and_nothing_is_sent(stage, front, orders, source):
    run(stage, "--from", source, "--action", "void", "--yes")
    more = [front.order("10.00"), front.order("10.00")]
    write(source, [("eu-shop", order.order_id) for order in more])
    code, _, messages = run(stage, "--from", source, "--action", "capture", "--yes")
    assert code == 2
    assert f"line 2 asks for CAPTURE for order {more[0].order_id}" in messages
    assert [front.effects(order) for order in more] == [[], []]


def test_a_file_that_is_no_result_file_is_left_alone(stage, source):
    code, _, messages = run(stage, "--from", source, "--action", "capture", "--yes", "--result", source)
    assert code == 2
    assert "not the result file of a run" in messages
    assert source.read_text().startswith("store,order_id")


# -- Somebody is asked ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("answer", "code", "effects"), [("y", 9, ["capture"]), ("n", 2, [])])
def test_on_a_terminal_it_is_tried_first_and_only_what_was_shown_is_sent(
    stage, front, orders, source, answer, code, effects
):
    front.client.void("eu-shop", orders[3].order_id)
    ours, theirs = pty.openpty()
    process = start(stage, "run", "--from", source, "--action", "capture", stdin=theirs)
    os.write(ours, f"{answer}\n".encode())
    ended, _, messages = finish(process)
    os.close(ours)
    os.close(theirs)
    assert "CAPTURE for 5 orders, 50.00 EUR in all" in messages
    assert "Left out, because the service would refuse it: 1" in messages
    assert (ended, front.effects(orders[0])) == (code, effects)
    assert source.with_suffix(".results.csv").exists() is bool(effects)


def test_what_changed_after_it_was_shown_is_refused(stage, front, orders, source):
    ours, theirs = pty.openpty()
    process = start(stage, "run", "--from", source, "--action", "capture", stdin=theirs)
    shown = process.stderr.readline()
    assert "CAPTURE for 6 orders" in shown
    decline_next_capture(stage)
    front.client.capture("eu-shop", orders[0].order_id)  # Declined: it may be captured as before, but is not as before.
    os.write(ours, b"y\n")
    ended, _, _ = finish(process)
    os.close(ours)
    os.close(theirs)
    assert (ended, front.effects(orders[0]), front.effects(orders[1])) == (9, [], ["capture"])
    changed, *others = results(source.with_suffix(".results.csv"))
    assert (changed["state"], changed["reason"]) == ("REFUSED", "ETAG_MISMATCH")
    assert {row["state"] for row in others} == {"SUCCEEDED"}


def test_where_nobody_can_be_asked_nothing_is_sent(stage, source):
    code, _, messages = run(stage, "--from", source, "--action", "capture")
    assert code == 2
    assert "--yes" in messages


# -- watch ----------------------------------------------------------------------------------------------------------


def test_watch_on_a_terminal_says_when_the_service_is_away_and_goes_on_when_it_is_back(tmp_path):
    with Stage(tmp_path) as stage:
        port = stage.target
        settings = stage.config.read_text().replace('grpc = "127.0.0.1:0"', f'grpc = "{port}"')
        stage.config.write_text(settings)
        order = Checkout(stage, "eu-shop").order()
        ours, theirs = pty.openpty()
        process = start(stage, "watch", "--after", "0", stdout=theirs)
        seen = Screen(ours)
        with Client(stage.target) as client:
            client.get_payment("eu-shop", order.order_id)
            until(lambda: "PAYMENT_SEEN" in seen.text(), "the first event")
            until(lambda: "Watching all stores:" in seen.text(), "the line below")
            stage.service.kill()
            until(lambda: "No connection to" in seen.text(), "the loss to be told")
            stage.start_service()
            client.capture("eu-shop", order.order_id)
            until(lambda: "OPERATION_ENDED" in seen.text(), "the event after it")
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=120)
        assert process.returncode == 0
        assert "--after" in messages
        assert seen.text().count("PAYMENT_SEEN") == 1
        os.close(ours)
        os.close(theirs)


class Screen:
    """What a terminal was told."""

    def __init__(self, descriptor):
        self._descriptor = descriptor
        self._text = ""

    def text(self):
        while select.select([self._descriptor], [], [], 0)[0]:
            self._text += os.read(self._descriptor, 4096).decode(errors="replace")
        return self._text

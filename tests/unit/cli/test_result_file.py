import pytest

from payment_actions_client import (
    ActionNotAvailable,
    GatewayThrottled,
    GatewayUnavailable,
    PaymentActionsError,
    StoreNotFound,
)
from payment_actions_server.cli import run_answers
from payment_actions_server.cli.result_file import BadResultFile, ResultFile, Row


def row(line, **fields):
    return Row(line, "eu-shop", str(line), "CAPTURE", "", "", f"id-{line}", **fields)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "results.csv"


@pytest.fixture
def plan():
    return [row(2), row(3)]


def test_what_was_noted_is_there_for_the_next_one_also_without_an_end(path, plan):
    with ResultFile.begin(path, plan) as file:
        file.note(row(3, state="SUCCEEDED", message='with "quotes", and a comma'))
    with ResultFile(path) as file:
        assert list(file.rows.values()) == [row(2), row(3, state="SUCCEEDED", message='with "quotes", and a comma')]


def test_the_last_word_on_a_line_counts_and_the_end_keeps_only_that(path, plan):
    with ResultFile.begin(path, plan) as file:
        file.note(row(2, state="UNKNOWN"))
        file.note(row(2, state="SUCCEEDED"))
        file.finish()
    assert len(path.read_text().splitlines()) == 3
    with ResultFile(path) as file:
        assert [each.state for each in file.rows.values()] == ["SUCCEEDED", ""]


def test_what_a_spreadsheet_would_run_is_disarmed_and_what_was_asked_for_stays_as_it_is(path, plan):
    with ResultFile.begin(path, plan) as file:
        file.note(row(2, state="DECLINED", reason="=1+1", message='@SUM(1) says "no"'))
        file.note(row(3, state="FAILED", reason="-1", message="'quoted' already"))
        file.finish()
    with ResultFile(path) as again:
        assert [again.rows[line][8:10] for line in (2, 3)] == [
            ("'=1+1", '\'@SUM(1) says "no"'),
            ("'-1", "'quoted' already"),
        ]
        again.finish()
    odd = row(2)._replace(order_id="=1", note="-")
    with ResultFile.begin(path.with_name("other.csv"), [odd]):
        pass
    with ResultFile(path.with_name("other.csv")) as again:
        assert again.rows[2].asked == odd.asked


def test_a_run_that_was_begun_before_there_were_etags_goes_on(path, plan):
    header = ",".join(Row._fields[:-1])
    path.write_text(f"{header}\n" + "".join(",".join(map(str, one[:-1])) + "\n" for one in plan))
    with ResultFile(path) as file:
        assert list(file.rows.values()) == plan
        file.note(row(3, state="PENDING", etag='"3"'))
    with ResultFile(path) as again:
        assert again.rows == {2: row(2), 3: row(3, state="PENDING", etag='"3"')}


def test_a_line_that_was_cut_short_is_forgotten_and_the_next_one_is_whole(path, plan):
    with ResultFile.begin(path, plan):
        pass
    with path.open("a") as torn:
        torn.write("2,eu-shop,2,CAPT")
    with ResultFile(path) as file:
        file.note(row(3, state="SUCCEEDED"))
    with ResultFile(path) as file:
        assert [each.state for each in file.rows.values()] == ["", "SUCCEEDED"]


def test_two_runs_cannot_have_it_at_once(path, plan):
    with ResultFile.begin(path, plan), pytest.raises(BadResultFile, match="under way"):
        ResultFile(path)


def test_a_file_that_is_there_is_not_begun_anew(path, plan):
    path.write_text("mine")
    with pytest.raises(BadResultFile):
        ResultFile.begin(path, plan)
    assert path.read_text() == "mine"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "mine", "store,order_id\n1,2\n", "\x00\n", "a\n" * 3])
def test_another_file_is_not_taken_for_one(path, text):
    path.write_text(text)
    with pytest.raises(BadResultFile, match="not the result file"):
        ResultFile(path)
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("error", "state", "again"),
    [
        (ActionNotAvailable("No."), "REFUSED", False),
        (GatewayThrottled("Later."), "UNAVAILABLE", True),
        (GatewayUnavailable("Away.", metadata={"operation_id": "01k0"}), "FAILED", False),
        (PaymentActionsError("A mistake."), "UNKNOWN", True),
    ],
)
def test_only_what_the_same_request_can_still_change_is_asked_again(error, state, again):
    told = run_answers.refused(row(2), error)
    assert (told.state, not run_answers.ended(told)) == (state, again)


@pytest.mark.parametrize("state", ["", "UNKNOWN", "PENDING", "NEEDS_REVIEW"])
def test_a_refusal_on_the_doorstep_does_not_end_a_line_that_was_sent_before(state):
    before = row(2, state=state, operation_id="01k0" if state else "")
    told = run_answers.refused(before, StoreNotFound("No such store."), sent_before=True)
    assert (told.state, told.operation_id) == (state or "UNKNOWN", before.operation_id)
    assert not run_answers.ended(told)
    assert run_answers.refused(row(2), StoreNotFound("No such store.")).state == "REFUSED"
    assert run_answers.refused(before, ActionNotAvailable("No."), sent_before=True).state == "REFUSED"


@pytest.mark.parametrize(
    ("states", "code"),
    [
        (["SUCCEEDED", "ALREADY_DONE", "REFRESHED"], 0),
        (["DECLINED", "DECLINED"], 4),
        (["SUCCEEDED", "DECLINED"], 9),
        (["SUCCEEDED", "DECLINED", "PENDING"], 5),
        (["SUCCEEDED", ""], 5),
        (["NEEDS_REVIEW"], 5),
        (["FAILED"], 7),
    ],
)
def test_a_run_ends_as_its_lines_did(states, code):
    assert run_answers.exit_code([row(2, state=state) for state in states]) == code

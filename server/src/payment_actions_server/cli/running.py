"""Many actions from a file: tried, agreed to, written down, sent in batches, and gone on with after an interruption."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import Client, PaymentActionsError, new_request_id
from payment_actions_server.cli import acting, advice, orders_file, run_answers, run_tables, words
from payment_actions_server.cli.exit_codes import ExitCode, exit_code_of
from payment_actions_server.cli.orders_file import BadFile, Line
from payment_actions_server.cli.result_file import BadResultFile, ResultFile, Row, one_line
from payment_actions_server.cli.session import Session, session_of
from payment_actions_server.domain.status import Action

BATCH_LINES_MAX: Final = 1000
"""How many lines go into one call: a tenth of what the service takes, so that with notes they fit in a message too."""

_LOOK: Final = pb.AvailableAction(action=pb.ACTION_REFRESH, effect="Asks the gateway what is true; moves no money.")


def run(
    context: typer.Context,
    source: Annotated[
        Path, typer.Option("--from", help="CSV: order_id, and store, action, amount, note.", show_default=False)
    ],
    action: Annotated[
        Action | None,
        typer.Option("--action", case_sensitive=False, help="Of lines that name none.", show_default=False),
    ] = None,
    store: Annotated[str, typer.Option("--store", help="Of lines that name none.", show_default=False)] = "",
    note: Annotated[str, typer.Option("--note", help="Of lines that have none.", show_default=False)] = "",
    result: Annotated[
        Path | None,
        typer.Option(
            "--result",
            help="Keeps request ids and answers; with it the run goes on.  [default: <from>.results.csv]",
            show_default=False,
        ),
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what each line would do.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not try it first, and do not ask.")] = False,
) -> None:
    """Run actions on many orders, listed in a file. The same command again goes on with an interrupted run."""
    session = session_of(context)
    defaults = orders_file.Defaults(store, action.value if action else "", note)
    try:
        lines = orders_file.read(source, defaults)
        if dry_run:
            with session.client() as client:
                raise typer.Exit(Trial(session, client, lines).told())
        path = result or source.with_suffix(".results.csv")
        raise typer.Exit(Run(session, lines, path).done(yes=yes))
    except (BadFile, BadResultFile) as error:
        problems = error.problems if isinstance(error, BadFile) else [str(error)]
        where = f"{source}: " if isinstance(error, BadFile) else ""
        _refuse(session, *(f"{where}{problem}" for problem in problems))
    except OSError as error:
        _refuse(session, str(error))


class Trial:
    """What each line would do, as the service says it now; nothing is started."""

    def __init__(self, session: Session, client: Client, lines: list[Line]) -> None:
        self._session = session
        self.effects: list[tuple[Row, pb.AvailableAction]] = []
        self.refusals: list[Row] = []
        by_line = {line.number: _planned(line) for line in lines}
        # A look moves nothing and is never refused, offered or not: there is nothing to try.
        looks = [line for line in lines if line.item.action == pb.ACTION_REFRESH]
        self.effects += [(by_line[line.number], _LOOK) for line in looks]
        lines = [line for line in lines if line.item.action != pb.ACTION_REFRESH]

        def note(line: Line, response: pb.RunActionsResponse) -> None:
            amount = line.item.amount if line.item.HasField("amount") else None
            row, goes = run_answers.previewed(by_line[line.number], response, amount)
            if goes:
                self.effects.append((row, response.preview))
            else:
                self.refusals.append(row)

        _send(session, client, lines, note, "Trying", self._told, validate_only=True)
        self.effects.sort(key=lambda effect: effect[0].line)
        self.refusals.sort()

    def told(self) -> ExitCode:
        """Write it all out, and return how the command ends."""
        output = self._session.output
        if output.as_json:
            for row, offer in self.effects:
                output.line(_line(row) | {"effect": offer.effect, "operationAmount": words.money(offer.amount)})
            for row in self.refusals:
                output.line(_line(row))
            output.line({"summary": self._summary()})
        else:
            output.show(run_tables.trial(self.effects, self.refusals))
        output.say(f"{self._told()}. Nothing was sent.")
        if not self.effects:
            return run_answers.exit_code(self.refusals)
        return ExitCode.PARTLY if self.refusals else ExitCode.DONE

    def show_briefly(self) -> None:
        """Tell the person who is about to be asked."""
        for line in run_tables.in_brief(self.effects, self.refusals):
            self._session.output.say(line)

    def _told(self) -> str:
        return f"{len(self.effects)} can be done, {len(self.refusals)} cannot"

    def _summary(self) -> dict[str, Any]:
        return {"lines": len(self.effects) + len(self.refusals), "possible": len(self.effects)}


class Run:
    """One run: begun, or gone on with, in its result file."""

    def __init__(self, session: Session, lines: list[Line], path: Path) -> None:
        self._session = session
        self._output = session.output
        self._lines = lines
        self._path = path
        self._gone_on = path.exists()

    def done(self, *, yes: bool) -> ExitCode:
        """Do it, tell what became of it, and return how the command ends."""
        acting.require_consent_possible(self._session, yes=yes)
        with self._session.client() as client, self._begun(client, yes=yes) as file:
            planned = dict(file.rows)
            try:
                self._send(client, file)
            except PaymentActionsError as error:
                self._interrupted(file, str(error))
                return exit_code_of(error) if file.rows == planned else ExitCode.IN_FLIGHT
            except (KeyboardInterrupt, OSError) as error:  # OSError: the disk is full, or nobody reads our output.
                self._interrupted(file, str(error) or "Interrupted.")
                return ExitCode.IN_FLIGHT
            self._finish(file)
            return self._tell(file)

    def _finish(self, file: ResultFile) -> None:
        try:
            file.finish()
        except OSError as error:  # It is as it was, with all the answers; only tidier it would have been.
            self._output.say(f"{error}; the last line about an order counts", style="yellow")

    def _begun(self, client: Client, *, yes: bool) -> ResultFile:
        if self._gone_on:
            return self._gone_on_with(yes=yes)
        rows = [_planned(line)._replace(request_id=new_request_id()) for line in self._lines]
        if not yes:
            trial = Trial(self._session, client, self._lines)
            trial.show_briefly()
            if not trial.effects:
                self._output.say("There is nothing to do. Nothing was sent.")
                raise typer.Exit(run_answers.exit_code(trial.refusals))
            acting.confirm(yes=yes)
            # What was agreed to is what could be done, with the payment as it was then; a line that could not is not
            # sent, whatever changed since.
            tried = {row.line: row for row in (*trial.refusals, *(row for row, _ in trial.effects))}
            rows = [tried[row.line]._replace(request_id=row.request_id) for row in rows]
        self._output.say(f"Request ids and answers: {self._path}")
        return ResultFile.begin(self._path, rows)

    def _gone_on_with(self, *, yes: bool) -> ResultFile:
        file = ResultFile(self._path)
        try:
            self._require_same(file)
            left = sum(not run_answers.ended(row) for row in file.rows.values())
            if left:
                told = f"{self._path} has a run that was begun: {left} of its {len(file.rows)} lines are still open."
                self._output.say(f"{told} It goes on with the same request ids; nothing acts twice.")
                acting.confirm(yes=yes)
            else:
                self._output.say(f"All lines of {self._path} have ended before. Nothing was sent.")
        except BaseException:
            file.__exit__(None, None, None)
            raise
        return file

    def _require_same(self, file: ResultFile) -> None:
        """Refuse a result file that is about something else: its request ids stand for what it says."""
        remedy = "name another file with --result, or run it with the file and the options that it was begun with"
        for line in self._lines:
            asked, row = _planned(line), file.rows.get(line.number)
            if row is None or row.asked != asked.asked:
                known = "has no such line" if row is None else f"has {_named(row)} there"
                raise BadResultFile(f"line {line.number} asks for {_named(asked)}; {file.path} {known}: {remedy}")
        if more := file.rows.keys() - {line.number for line in self._lines}:
            raise BadResultFile(f"{file.path} has a line {min(more)}, which is not asked for: {remedy}")

    def _send(self, client: Client, file: ResultFile) -> None:
        lines = [line for line in self._lines if not run_answers.ended(file.rows[line.number])]

        def note(line: Line, response: pb.RunActionsResponse) -> None:
            row = run_answers.answered(file.rows[line.number], response, sent_before=self._gone_on)
            file.note(row)
            if self._output.as_json:
                self._output.line(_line(row))

        named = [Line(line.number, _named_item(line.item, file.rows[line.number])) for line in lines]
        _send(self._session, client, named, note, "Running", lambda: _told(file.rows.values()))

    def _interrupted(self, file: ResultFile, how: str) -> None:
        self._output.say(
            f"{how}\n{_told(file.rows.values())}. What had reached the service goes on there; nothing is sent twice.\n"
            f"The same command again goes on where this one ended, by {file.path}",
            style="yellow",
        )

    def _tell(self, file: ResultFile) -> ExitCode:
        rows = sorted(file.rows.values())
        if self._output.as_json:
            summary = {"lines": len(rows), "states": run_answers.counts(rows), "result": str(file.path)}
            self._output.line({"summary": summary})
        else:
            self._output.show(run_tables.ended(rows))
        code = run_answers.exit_code(rows)
        for line in advice.after_run(run_answers.refusals(rows)):
            self._output.say(line, style="yellow")
        if any(not run_answers.ended(row) for row in rows):
            self._output.say("The same command again asks for what is still open, under the same ids.", style="yellow")
        self._output.say(
            f"{_told(rows)}. Every line: {file.path}", style="green" if code is ExitCode.DONE else "yellow"
        )
        return code


def _send(
    session: Session,
    client: Client,
    lines: list[Line],
    note: Callable[[Line, pb.RunActionsResponse], None],
    doing: str,
    told: Callable[[], str],
    *,
    validate_only: bool = False,
) -> None:
    """Send lines batch by batch, and note every answer."""
    completed = 0
    with session.output.progress(len(lines), doing) as progress:
        for batch in _batches(lines):
            for response in client.run_actions([line.item for line in batch], validate_only=validate_only):
                note(batch[response.index], response)
                completed += 1
                progress(completed, told())


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    rest = iter(lines)
    while batch := list(islice(rest, BATCH_LINES_MAX)):
        yield batch


def _planned(line: Line) -> Row:
    item = line.item
    amount = words.money(item.amount) if item.HasField("amount") else ""
    return Row(line.number, item.store, item.order_id, words.action(item.action), amount, one_line(item.note), "")


def _named_item(item: pb.ActionItem, row: Row) -> pb.ActionItem:
    named = pb.ActionItem()
    named.CopyFrom(item)
    named.request_id, named.etag = row.request_id, row.etag
    return named


def _named(row: Row) -> str:
    amount = f" of {row.amount}" if row.amount else ""
    note = f", note {row.note!r}" if row.note else ""
    return f"{row.action}{amount} for order {row.order_id} of {row.store}{note}"


def _told(rows: Iterable[Row]) -> str:
    return ", ".join(f"{count} {state}" for state, count in run_answers.counts(rows).items())


def _line(row: Row) -> dict[str, Any]:
    """Return a row under names as proto JSON has them."""
    return {_camel_case(name): value for name, value in row._asdict().items()}


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.title, others))


def _refuse(session: Session, *problems: str) -> NoReturn:
    for problem in problems:
        session.output.say(problem, style="red")
    raise typer.Exit(ExitCode.USAGE)

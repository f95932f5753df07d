"""The command that deletes: a plan that is shown, a question, and what came of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regframe.cli.options import FAILED, INTERRUPTED, Access, Selected, Target, command, say, selection
from regframe.cli.output import Output

if TYPE_CHECKING:
    import pandas as pd


@command
def delete(
    access: Access,
    output: Output,
    target: Target,
    selected: Selected = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            "--from", metavar="FILE", dir_okay=False, help="A plan as CSV, perhaps edited: its rows that would go."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Carry the plan out without asking.")] = False,
) -> None:
    """Delete tags and manifests, after showing what would go.

    The plan is written first; on a terminal a question follows. Without one, or --yes, nothing is deleted. With
    --output the plan is only saved: look it over, take rows out, and give it back with --from.

    Example: regframe delete localhost:5000 'httpd:2.2*' --output plan.csv
    """
    output.check()
    registry = access.registry(target)
    chosen = _saved(plan) if plan else selection(target, selected) or _own(target)
    shown = registry.delete(chosen)
    going = int(shown["outcome"].eq("would go").sum())
    if not yes or output.output is None:
        output.write_frame("deletions", shown)
    say(f"regframe: {going:,} of {len(shown):,} would go, and free {int(shown['freed'].sum()):,} bytes.")
    if shown["allowed"].eq(False).any():
        say(f"regframe: {shown.loc[shown['allowed'].eq(False), 'reason'].iloc[0]}")
        raise typer.Exit(FAILED)
    if not going or (output.output is not None and not yes):
        return
    if not yes:
        if not sys.stdin.isatty():
            say("regframe: nothing was deleted: --yes carries the plan out.")
            raise typer.Exit(FAILED)
        sys.stdout.flush()
        if not typer.confirm("Delete these?", err=True):
            return
    done = registry.delete(shown, dry_run=False)
    output.write_frame("deletions", done)
    _end(done)


def _own(target: str) -> list[str]:
    from regframe.target import Target as ParsedTarget

    own = ParsedTarget.parse(target).pattern
    if own is None:
        raise typer.BadParameter("say what is to go, such as 'httpd:2.2*'; it is never everything by default.")
    return [str(own)]


def _saved(file: Path) -> pd.DataFrame:
    from regframe.errors import InvalidDocument
    from regframe.inventory import read_frame

    try:
        return read_frame(file, "deletions")
    except ValueError as error:
        raise InvalidDocument(f"{file} is no plan as regframe writes it: {error}.") from None


def _end(done: pd.DataFrame) -> None:
    counts = done["outcome"].value_counts()
    say("regframe: " + ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items() if count) + ".")
    say("regframe: the bytes come back when the registry collects its garbage.")
    if counts.get("not tried", 0):
        raise typer.Exit(INTERRUPTED)
    if counts.get("failed", 0):
        say(f"regframe: {done.loc[done['outcome'].eq('failed'), 'reason'].iloc[0]}")
        raise typer.Exit(FAILED)

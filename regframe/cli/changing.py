"""The command that deletes: a plan that is shown, a question, and what came of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regframe.cli.options import (
    FAILED,
    INCOMPLETE,
    INTERRUPTED,
    Access,
    Selected,
    Target,
    command,
    report,
    say,
    selection,
)
from regframe.cli.output import Format, Output

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
    --output the plan is only saved: look it over, take rows out, and give it back with --from. The exit status is 3
    when a tag was left.

    Example: regframe delete localhost:5000 'httpd:2.2*' --output plan.csv
    """
    from regframe.cli.tables import print_frame

    output.check()
    registry = access.registry(target)
    chosen = _saved(plan) if plan else selection(target, selected) or _own(target)
    shown = registry.delete(chosen)
    if not (errors := registry.errors).empty:
        report(errors)
    going = int(shown["outcome"].eq("would go").sum())
    refused = shown.loc[shown["allowed"].eq(False), "reason"]
    asks = not yes and output.output is None and sys.stdin is not None and sys.stdin.isatty()
    goes_on = bool(going) and refused.empty and (yes or asks)
    # What is read by another program is one frame: what would go, or what came of it.
    if not goes_on or (output.output is None and output.format is Format.TABLE):
        output.write_frame("deletions", shown)
    elif asks:
        print_frame("deletions", shown, sys.stderr)
    say(f"regframe: {going:,} of {len(shown):,} would go, and free {int(shown['freed'].sum()):,} bytes.")
    if not refused.empty:
        say(f"regframe: {refused.iloc[0]}")
        raise typer.Exit(FAILED)
    if not goes_on:
        if going and output.output is None:
            say("regframe: nothing was deleted: --yes carries the plan out.")
            raise typer.Exit(FAILED)
        if yes:
            _refuse_left(shown)
        if not errors.empty:
            raise typer.Exit(INCOMPLETE)
        return
    sys.stdout.flush()
    if asks:
        # typer.confirm writes a space to standard output.
        print("Delete these? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            say("regframe: nothing was deleted.")
            return
    done = registry.delete(shown, dry_run=False)
    output.write_frame("deletions", done)
    _end(done)
    if not errors.empty:
        raise typer.Exit(INCOMPLETE)


def _own(target: str) -> list[str]:
    from regframe.target import Target as ParsedTarget

    own = ParsedTarget.parse(target).pattern
    if own is None:
        raise typer.BadParameter("say what is to go, such as 'httpd:2.2*'; it is never everything by default.")
    return [str(own)]


def _saved(file: Path) -> pd.DataFrame:
    from regframe.formats import read_edited

    return read_edited(file, "deletions", ["repository", "tag", "digest", "outcome"])


def _end(done: pd.DataFrame) -> None:
    counts = done["outcome"].value_counts()
    say("regframe: " + ", ".join(f"{count:,} {outcome}" for outcome, count in counts.items() if count) + ".")
    say("regframe: the bytes come back when the registry collects its garbage.")
    if counts.get("not tried", 0):
        raise typer.Exit(INTERRUPTED)
    if counts.get("failed", 0):
        say(f"regframe: {done.loc[done['outcome'].eq('failed'), 'reason'].iloc[0]}")
        raise typer.Exit(FAILED)
    _refuse_left(done)


def _refuse_left(frame: pd.DataFrame) -> None:
    """End with the status that says so if a tag was left; manifests are left because of tags."""
    left = frame[frame["outcome"].eq("left") & frame["tag"].notna()]
    if len(left):
        say(f"regframe: {left['tag'].iloc[0]} was {left['reason'].iloc[0]}")
        raise typer.Exit(INCOMPLETE)

"""Commands that answer questions: from a registry that is read now, or from the folder of a saved inventory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from regframe.cli.options import Access, One, Selected, Target, command, end, registry_of, selection, taken
from regframe.cli.output import Output

if TYPE_CHECKING:
    import pandas as pd

    from regframe.inventory import Inventory

Source = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help="The registry, or what is in it; or the folder of a saved inventory.", show_default=False
    ),
]
Other = Annotated[
    str, typer.Argument(metavar="OTHER", help="What it is compared with, given in the same way.", show_default=False)
]


@command
def storage(
    access: Access,
    output: Output,
    target: Source,
    selected: Selected = None,
    by: Annotated[
        str, typer.Option(metavar="COLUMN", help="repository, tag, platform, registry, namespace or version_line.")
    ] = "repository",
) -> None:
    """Show where the bytes are, and what is shared.

    Example: regframe storage localhost:5000 --by namespace
    """
    _answer("storage", access, output, target, selected, lambda found, rf: rf.storage(found, by=by))


@command
def reclaimable(
    access: Access,
    output: Output,
    target: Source,
    delete: Annotated[
        list[str],
        typer.Option("--delete", metavar="SELECTION", help="What would go: 'httpd:2.2*'. May be repeated."),
    ],
) -> None:
    """Show what deleting some tags would free; nothing is deleted.

    Example: regframe reclaimable inventory/ --delete 'httpd:2.2*'
    """
    _answer("reclaimable", access, output, target, None, lambda found, rf: rf.reclaimable(found, delete))


@command
def releases(access: Access, output: Output, target: Source, selected: Selected = None) -> None:
    """List the releases: versions, dates, changes of size.

    Example: regframe releases localhost:5000/httpd
    """
    _answer("releases", access, output, target, selected, lambda found, rf: rf.releases(found.images))


@command
def aliases(access: Access, output: Output, target: Source, selected: Selected = None) -> None:
    """List the tags that are one image; what “latest” is.

    Example: regframe aliases localhost:5000/httpd
    """
    _answer("aliases", access, output, target, selected, lambda found, rf: rf.aliases(found.images))


@command
def growth(access: Access, output: Output, target: Source, selected: Selected = None) -> None:
    """Show which steps made releases grow.

    Example: regframe growth localhost:5000/httpd --platform linux/amd64
    """
    _answer("growth", access, output, target, selected, lambda found, rf: rf.growth(found))


@command
def bases(access: Access, output: Output, target: Source, selected: Selected = None) -> None:
    """Show what images are built on, and which bases are stale.

    Example: regframe bases localhost:5000
    """
    _answer("bases", access, output, target, selected, lambda found, rf: rf.bases(found))


@command
def diff(
    access: Access,
    output: Output,
    target: Target,
    other: Other,
) -> None:
    """Compare two images: layers, steps and settings.

    Example: regframe diff localhost:5000/httpd:2.4.57 localhost:5000/httpd:2.4.58 --platform linux/amd64
    """
    _compare("diff", access, output, target, other)


@command
def drift(access: Access, output: Output, target: Source, other: Other) -> None:
    """Compare two inventories: tags that came, went or moved.

    Example: regframe drift last-week/ localhost:5000
    """
    _compare("drift", access, output, target, other)


@command
def compare(access: Access, output: Output, here: Source, there: Other) -> None:
    """Compare two places: which images are the same.

    Example: regframe compare podman: localhost:5000/team/app
    """
    import regframe as rf

    output.check()
    left, right = _both(access, here, there)
    output.write_frame("comparison", rf.compare(left, right))
    end(left.errors if len(left.errors) else right.errors)


@command
def pulled(
    access: Access,
    output: Output,
    target: Target,
    local: Annotated[
        str | None,
        typer.Option(metavar="PLACE", help="Where to look: podman:, containers-storage:; else the engine."),
    ] = None,
) -> None:
    """Say which of a registry's tags are on this machine.

    Example: regframe pulled localhost:5000 --local podman:
    """
    output.check()
    registry = access.registry(target)
    output.write_frame("pulled", registry.pulled(local))
    end(registry.errors)


@command
def plan(
    access: Access,
    output: Output,
    target: Target,
    selected: Selected = None,
    lists_only: Annotated[
        bool, typer.Option("--lists-only", help="Do not ask what the tags point to, and so not what the cache has.")
    ] = False,
) -> None:
    """Say how many requests an inventory would take.

    Example: regframe plan docker.io/library/python
    """
    output.check()
    found = access.registry(target).plan(selection(target, selected), resolve=not lists_only)
    output.write_fields(dict(found.astype(object).where(found.notna(), None)))


@command
def doctor(access: Access, output: Output, target: Target) -> None:
    """Say what a registry offers, and what that means.

    Made to be pasted into a bug report: nothing secret is in it.

    Example: regframe doctor registry.example
    """
    from regframe.cli.output import Format

    output.check()
    found = access.registry(target).doctor()
    if output.format is Format.TABLE:
        # Whole sentences, which a table would cut.
        output.write_lines(
            line
            for check, result, verdict, meaning in found.itertuples(index=False)
            for line in (f"{check:<18} {result}", f"{verdict:>17}: {meaning}")
        )
    else:
        output.write_frame("doctor", found)


@command
def referrers(access: Access, output: Output, target: Target, image: One = None) -> None:
    """List what is attached to an image: signatures, SBOMs.

    Example: regframe referrers localhost:5000/httpd:2-alpine
    """
    output.check()
    registry = access.registry(target)
    output.write_frame("referrers", registry.referrers(image))
    end(registry.errors)


@command
def limits(access: Access, output: Output, target: Target) -> None:
    """Show what a registry says of its rate limit.

    Example: regframe limits docker.io
    """
    output.check()
    found = access.registry(target).limits()
    output.write_fields(dict(found.astype(object).where(found.notna(), None)))


COMMANDS = (
    storage, reclaimable, releases, aliases, growth, bases,
    diff, drift, compare, pulled,
    plan, doctor, referrers, limits,
)  # fmt: skip


def _answer(name: str, access: Access, output: Output, target: str, selected: list[str] | None, ask: Any) -> None:
    import regframe as rf

    output.check()
    inventory: Inventory = taken(access, target, selected)
    frame: pd.DataFrame = ask(inventory, rf)
    output.write_frame(name, frame)
    end(inventory.errors)


def _compare(name: str, access: Access, output: Output, target: str, other: str) -> None:
    import regframe as rf

    output.check()
    before, after = _both(access, target, other)
    difference = rf.diff if name == "diff" else rf.drift
    output.write_frame(name, difference(before, after))
    end(before.errors if len(before.errors) else after.errors)


def _both(access: Access, one: str, other: str) -> tuple[Inventory, Inventory]:
    """Return the inventories of two targets; a password that was given goes to one registry only."""
    if access.username and len(registries := {name for target in (one, other) if (name := registry_of(target))}) > 1:
        raise typer.BadParameter(
            f"it would go to {' and to '.join(sorted(registries))}; use docker, podman or skopeo login for both.",
            param_hint="--username",
        )
    return taken(access, one), taken(access, other)

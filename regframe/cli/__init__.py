"""The command ``regframe``: each method of a registry, from the terminal.

Commands load what they need when they run, so that ``regframe --help`` is there at once.
"""

from __future__ import annotations

import io
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from regframe.cli import answers
from regframe.cli.changing import delete
from regframe.cli.options import (
    INTERRUPTED,
    Access,
    One,
    Selected,
    Target,
    command,
    end,
    folder_or_url,
    saved,
    say,
    selection,
)
from regframe.cli.output import FolderFormat, Format, Output
from regframe.cli.sample import demo
from regframe.errors import RegframeWarning
from regframe.folder import is_same, shown

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    # Their tracebacks show local variables, passwords among them.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"regframe {version('regframe')}")
        raise typer.Exit


@app.callback(
    epilog="Exit status: 0 when all was read, 3 when some of it could not be, 1 for a failure, 2 for wrong words."
)
def regframe(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version.")
    ] = False,
) -> None:
    """Show what is in a container registry, as tables, CSV, JSON or Parquet."""


@app.command()
@command
def repositories(
    access: Access,
    output: Output,
    target: Target,
    selected: Selected = None,
    counts: Annotated[bool, typer.Option("--counts", help="Count each one's tags; a request for each.")] = False,
) -> None:
    """List the repositories in a registry's catalog.

    Example: regframe repositories localhost:5000 'team/*' --counts
    """
    _read("repositories", access, output, target, selected, counts=counts)


@app.command()
@command
def tags(
    access: Access,
    output: Output,
    target: Target,
    selected: Selected = None,
    resolve: Annotated[
        bool, typer.Option("--resolve", help="Ask what each tag points to; a request for each.")
    ] = False,
) -> None:
    """List the tags, in version order: 2.4.9 before 2.4.10.

    Example: regframe tags localhost:5000 'httpd:2.4.*'
    """
    _read("tags", access, output, target, selected, resolve=resolve)


@app.command()
@command
def images(access: Access, output: Output, target: Target, selected: Selected = None) -> None:
    """List the images of tags, a row for each platform.

    Example: regframe images localhost:5000/httpd --platform linux/amd64
    """
    _read("images", access, output, target, selected)


@app.command()
@command
def layers(
    access: Access,
    output: Output,
    target: Target,
    selected: Selected = None,
    uncompressed: Annotated[
        bool, typer.Option("--uncompressed", help="Estimate uncompressed sizes, at a request for each layer.")
    ] = False,
) -> None:
    """List the layers of images, and the steps that made them.

    Example: regframe layers localhost:5000/httpd:2-alpine
    """
    _read("layers", access, output, target, selected, uncompressed=uncompressed)


@app.command()
@command
def history(access: Access, output: Output, target: Target, selected: Selected = None) -> None:
    """List the steps that built images, and the layers they made.

    Example: regframe history localhost:5000/httpd:2-alpine --platform linux/arm64
    """
    _read("history", access, output, target, selected)


@app.command()
@command
def config(access: Access, output: Output, target: Target, selected: Selected = None) -> None:
    """List the settings of images: environment, labels, ports.

    Example: regframe config localhost:5000/httpd:2-alpine --format json
    """
    _read("config", access, output, target, selected)


@app.command()
@command
def inspect(access: Access, output: Output, target: Target, image: One = None) -> None:
    """Show what “skopeo inspect” says of an image.

    With --format json it is the same object, key for key and byte for byte.

    Example: regframe inspect localhost:5000/httpd:2-alpine --format json
    """
    output.check()
    if access.platform and len(access.platform) > 1:
        raise typer.BadParameter("one image is inspected: give one.", param_hint="--platform")
    output.write_fields(dict(access.registry(target).inspect(image)))


@app.command()
@command
def manifest(
    access: Access,
    target: Target,
    image: One = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", dir_okay=False, help="Where to write it; else standard output."),
    ] = None,
) -> None:
    """Print the manifest or image index of a reference.

    Example: regframe manifest localhost:5000/httpd:2-alpine
    """
    written = Output(Format.JSON, output)
    written.check()
    written.write_document(access.registry(target).manifest(image))


@app.command()
@command
def ping(access: Access, output: Output, target: Target) -> None:
    """Show how a registry presents itself, after logging in.

    Example: regframe ping localhost:5000 --ca domain.crt
    """
    output.check()
    answer = access.registry(target).ping()
    output.write_fields(dict(answer.astype(object).where(answer.notna(), None)))


@app.command()
@command
def inventory(
    access: Access,
    target: Target,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="DIR", help="The folder to write; for Parquet also a URL.")
    ],
    selected: Selected = None,
    file_format: Annotated[FolderFormat, typer.Option("--format", "-f", help="How to write it.")] = FolderFormat.CSV,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="DIR",
            help="An inventory that was interrupted or failed in part: only what is missing, failed or moved is read.",
        ),
    ] = None,
) -> None:
    """Write everything, in one scan, as CSV or Parquet files.

    One each: repositories, tags, images, layers, history, config, errors; as Parquet, each is a folder of parts. They
    are written as they are read, however many tags there are. Interrupted, what was read is there, marked as
    incomplete; --resume goes on from it. In the same folder that is written at the end, so that nothing is lost before.

    Example: regframe inventory localhost:5000 'team/*' --output inventory
    """
    from regframe.cli.tables import print_files
    from regframe.dataset import InventoryFiles, check
    from regframe.inventory import Interrupted, Inventory

    folder = folder_or_url(output)
    check(folder, file_format)
    registry, chosen = access.registry(target), selection(target, selected)
    taken: Inventory | InventoryFiles
    interrupted = False
    try:
        earlier = saved(folder_or_url(resume)) if resume else None
        if resume and is_same(resume, output):
            taken = registry.inventory(chosen, resume=earlier)
        else:
            taken = registry.inventory(chosen, resume=earlier, output=folder, format=file_format.value)
    except Interrupted as interrupt:
        taken, interrupted = interrupt.files or interrupt.inventory, True
    if isinstance(taken, InventoryFiles):
        rows = dict(taken.rows)
    else:
        rows = {name: len(frame) for name, frame in taken.frames()}
        if file_format is FolderFormat.PARQUET:
            taken.to_parquet(folder)
        else:
            taken.to_csv(folder)
    print_files(folder, file_format, rows, sys.stdout)
    if interrupted:
        say(f"regframe: interrupted; what was read is in {shown(folder)}. Go on with --resume {shown(folder)}.")
        raise typer.Exit(INTERRUPTED)
    end(taken.errors)


for answer in answers.COMMANDS:
    app.command()(answer)
app.command()(delete)
app.command()(demo)


def _read(name: str, access: Access, output: Output, target: str, selected: list[str] | None, **options: bool) -> None:
    output.check()
    registry = access.registry(target)
    frame = getattr(registry, name)(selection(target, selected), **options)
    output.write_frame(name, frame)
    end(registry.errors)


def main() -> None:
    """Run the command ``regframe``."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    # Commands say themselves what could not be read.
    warnings.simplefilter("ignore", RegframeWarning)
    app(prog_name="regframe")

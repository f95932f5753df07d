"""``regframe demo``: the inventory of the sample registry, or that registry left running to try things on."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regframe.cli.options import command, end
from regframe.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

    from regframe.cli.tables import Column
    from regframe.demo import SampleRegistry
    from regframe.inventory import Inventory

_IMAGE = "httpd:2-alpine"
_IMAGES_DRAWN = 12


@command
def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", file_okay=False, help="The folder to write.")
    ] = Path("regframe-demo"),
    serve: Annotated[bool, typer.Option("--serve", help="Leave the registry running until Ctrl-C.")] = False,
    tls: Annotated[bool, typer.Option("--tls", help="Serve HTTPS, with a self-signed certificate.")] = False,
    auth: Annotated[bool, typer.Option("--auth", help="Ask for a user and a password.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Serve there; 0 is any free port.")] = 0,
    program: Annotated[
        list[str] | None, typer.Argument(metavar="-- COMMAND", help="With --serve: run it, and end with it.")
    ] = None,
) -> None:
    """Try regframe on a sample registry of its own.

    Takes its inventory, writes CSV files and two plots, and prints a summary.

    With --serve the registry is left running for other commands, notebooks and tools; or as long as a COMMAND runs,
    whose notebooks and programs find it by regframe.demo.running().

    Example: regframe demo --serve --tls --auth
    """
    from regframe import demo as sample_registry

    if program and not serve:
        raise ConfigurationError("A command runs beside the registry that --serve leaves running: add --serve.")
    username, password = (sample_registry.USERNAME, sample_registry.PASSWORD) if auth else (None, None)
    with sample_registry.serve(tls=tls, username=username, password=password, port=port) as sample:
        print(f"The sample registry is at {'https' if tls else 'http'}://{sample.address}:")
        print(f"{sample_registry.SAMPLE_NOTE}.\n", flush=True)
        if program:
            raise typer.Exit(_run(program, sample))
        if serve:
            _wait(sample)
        else:
            _take_inventory(sample, output)


def _wait(sample: SampleRegistry) -> None:
    # The certificate's folder is removed at a “kill” too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print("\n".join(_ways_in(sample)), flush=True)
    while True:
        time.sleep(3600)


def _run(program: list[str], sample: SampleRegistry) -> int:
    """Run a program that finds the registry in its environment; return its status."""
    try:
        process = subprocess.Popen(program, env=os.environ | sample.environment)  # noqa: S603 -- the user's own words
    except OSError as error:
        raise ConfigurationError(f"{program[0]} cannot be run: {error.strerror}.") from error
    # Ctrl-C reaches both; what it means is for the program to say (JupyterLab asks first).
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    return process.wait()


def _ways_in(sample: SampleRegistry) -> list[str]:
    """Return what to type and what to write to get at the registry, one line each."""
    address, ca, credentials = sample.address, sample.ca, f"{sample.username}:{sample.password}"
    regframe = ["--ca", str(ca)] if ca else []
    skopeo = ["--cert-dir", str(ca.parent)] if ca else ["--tls-verify=false"]
    curl = ["--cacert", str(ca)] if ca else []
    if sample.username:
        skopeo += ["--creds", credentials]
        curl += ["--user", credentials]
    commands = [
        ["regframe", "repositories", address, "--counts", *regframe],
        ["regframe", "images", f"{address}/httpd", *regframe],
        ["regframe", "layers", f"{address}/{_IMAGE}", *regframe],
        ["skopeo", "inspect", *skopeo, f"docker://{address}/{_IMAGE}"],
        ["curl", *curl, f"{'https' if ca else 'http'}://{address}/v2/_catalog"],
    ]
    arguments, login = [repr(address)], []
    if sample.username:
        login.append(f"export REGFRAME_USERNAME={sample.username} REGFRAME_PASSWORD={sample.password}")
        arguments += [f"username={sample.username!r}", f"password={sample.password!r}"]
    if ca:
        arguments.append(f"ca={str(ca)!r}")
    facts = {"CA": ca, "user": sample.username, "password": sample.password}
    return [
        *(f"  {name:<10}{value}" for name, value in facts.items() if value),
        *([""] if any(facts.values()) else []),
        "Try, in another terminal:",
        *(f"  {line}" for line in login),
        *(f"  {shlex.join(words)}" for words in commands),
        "",
        "or in Python:",
        f"  registry = regframe.Registry({', '.join(arguments)})",
        "",
        "Ctrl-C stops it.",
    ]


def _take_inventory(sample: SampleRegistry, folder: Path) -> None:
    from rich.text import Text

    from regframe.cli.tables import console_for, print_columns
    from regframe.dataset import check
    from regframe.registry import Registry

    check(folder, "csv")
    # Without the cache, so that it is read over HTTP at the second time too.
    registry = Registry(sample.address, username=sample.username, password=sample.password, ca=sample.ca, cache=False)
    inventory = registry.inventory()
    files = [*inventory.to_csv(folder), *_draw(inventory, folder)]
    console = console_for(sys.stdout)
    print_columns(_summary(inventory), console)
    console.print(Text(f"\nWritten to {folder}: {', '.join(file.name for file in files)}."))
    print("\nNext:")
    print("  regframe demo --serve             the same registry, left running")
    print("  regframe images localhost:5000    your own registry; regframe --help says more")
    print(f"  regframe.Inventory.read_csv({str(folder)!r})    the same frames, in Python")
    end(inventory.errors)


def _draw(inventory: Inventory, folder: Path) -> list[Path]:
    """Draw the layers of each repository's newest image, and the releases; return the files."""
    import matplotlib as mpl

    mpl.use("agg")

    import matplotlib.pyplot as plt

    from regframe import plot

    images = inventory.images[inventory.images["kind"] == "image"]
    newest = (
        images[images["platform"] == "linux/amd64"]
        .sort_values("released_at", kind="stable")
        .drop_duplicates("repository", keep="last")
    )
    layers = inventory.layers.merge(newest[["repository", "tag", "digest"]])
    plots = {"layer-sizes.png": plot.layer_sizes(layers, largest=_IMAGES_DRAWN), "timeline.png": plot.timeline(images)}
    for name, axes in plots.items():
        axes.figure.canvas.print_figure(folder / name, dpi=150, bbox_inches="tight")
        plt.close(axes.figure.figure)
    return [folder / name for name in plots]


def _summary(inventory: Inventory) -> list[Column]:
    """Return the table of the repositories, and of all of them in the last line."""
    from regframe.cli.tables import Column, minute
    from regframe.text import human_size

    images = inventory.images[inventory.images["kind"] == "image"]
    layers = inventory.layers[inventory.layers["stored"]]
    names = list(inventory.repositories["repository"])

    def of(frame: pd.DataFrame) -> list[pd.DataFrame]:
        return [*(frame[frame["repository"] == name] for name in names), frame]

    def numbers(name: str, values: list[int]) -> Column:
        return Column(name, [f"{value:,}" for value in values], is_number=True)

    # A layer that several tags or repositories share is stored once.
    sizes = [int(some.drop_duplicates("layer_digest")["size"].sum()) for some in of(layers)]
    # A date that is only “seen” is today's.
    dated = images[images["released_source"] != "seen"]
    released = dated.groupby("repository", sort=False)["released_at"].agg(["min", "max"]).reindex(names)
    released.loc["all"] = [dated["released_at"].min(), dated["released_at"].max()]
    return [
        Column("repository", [*names, f"{len(names):,} repositories"]),
        numbers("tags", [len(some) for some in of(inventory.tags)]),
        numbers("images", [some["digest"].nunique() for some in of(images)]),
        numbers("platforms", [some["platform"].nunique() for some in of(images)]),
        Column("size", [human_size(value) for value in sizes], is_number=True),
        Column("oldest", [time[:10] for time in minute(released["min"])]),
        Column("newest", [time[:10] for time in minute(released["max"])]),
    ]

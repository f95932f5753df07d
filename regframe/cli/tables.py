"""Frames as tables for people: short digests, human sizes, dates to the minute, as wide as the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import IO, Any

import pandas as pd
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from regframe.folder import shown
from regframe.formats import iso_times
from regframe.frames import COUNT
from regframe.presentation import VENDOR, line, size_text, writer
from regframe.text import human_size, short_digest

_WIDTH_OF_A_FILE = 160
_GAP = 2
_ROWS_AT_ONCE = 500
_NARROWEST = 6
_TAGS_SHOWN = 8
# Columns that say something only where they say something else.
_USUAL = {"kind": "image", "compression": "gzip", "stored": True, "released_source": "config"}
# Text that may be cut, and what has to be left of it.
_LEAST = {"repository": 12, "tag": 18, "created_by": 24, "name": 16, "value": 24}


@dataclass(frozen=True)
class _Shown:
    """Which columns of a frame people see; on a narrow terminal some are left out, the first of these first."""

    row: str
    columns: str
    left_out: str = ""
    # What goes above the table if all rows have it in common.
    above: str = "repository tag platform"


_SHOWN = {
    "repositories": _Shown("repository", "repository tags", above=""),
    "tags": _Shown("tag", "repository tag kind media_type digest", "media_type digest kind", above="repository"),
    "images": _Shown(
        "image",
        "repository tag platform layers size uncompressed_size released_at released_source digest",
        "released_source layers digest released_at",
        above="repository tag",
    ),
    "layers": _Shown(
        "layer",
        "repository tag platform position layer_digest size uncompressed_size compression stored created created_by",
        "stored compression created layer_digest",
    ),
    "history": _Shown(
        "step",
        "repository tag platform step size uncompressed_size layer_digest created created_by",
        "layer_digest created",
    ),
    "deletions": _Shown(
        "row", "repository tag digest kind by freed outcome reason", "kind by digest", above="repository"
    ),
    "config": _Shown("setting", "repository tag platform section name value"),
    "comparison": _Shown("image", "repository tag platform state newer created_here created_there", above="repository"),
    "pulled": _Shown("image", "repository tag platform state created_here created_there", above="repository"),
}


@dataclass(frozen=True)
class Column:
    """A column of a table: its cells as they are shown, and how narrow it may become (as wide as it is without)."""

    name: str
    cells: Sequence[str]
    is_number: bool = False
    least: int | None = None

    @property
    def width(self) -> int:
        """What it takes to show all of it."""
        return max(map(cell_len, (self.name, *self.cells)))


class _Console(Console):
    def on_broken_pipe(self) -> None:
        # Rich would end the program with a status of its own.
        raise


def print_frame(name: str, frame: pd.DataFrame, file: IO[str]) -> None:
    """Print a frame with counts below it: of :data:`regframe.frames.SCHEMAS` what tells most, of another one all."""
    names = [str(column) for column in frame.columns]
    shown = _SHOWN.get(name) or _Shown("row", " ".join(names), " ".join(reversed(names[2:])), above="")
    console = console_for(file)
    if name == "images":
        # What is no image has no platform, but a kind.
        frame = frame.assign(platform=frame["platform"].astype("str").fillna(frame["kind"].astype("str")))
    columns = [column for column in shown.columns.split() if set(frame[column].dropna()) - {_USUAL.get(column)}]
    same = takewhile(lambda column: column in columns and frame[column].nunique() == 1, shown.above.split())
    common = {column: line(frame[column].dropna().iloc[0]) for column in same}
    if common:
        image = ":".join(value for column, value in common.items() if column != "platform")
        console.print(Text(" ".join(filter(None, [image, common.get("platform")])), style="bold"))
    if rest := [_column(frame[column]) for column in columns if column not in common]:
        print_columns(rest, console, shown.left_out.split())
    console.print(Text(_counts(name, shown.row, frame), style="dim"))


def print_columns(columns: Sequence[Column], console: Console, left_out: Iterable[str] = ()) -> None:
    """Print columns, as many and as wide as fit; ``left_out`` are those to leave out for the others, in order."""
    widths = _fitted(columns, console.width, list(left_out))
    kept = [column for column in columns if column.name in widths]
    # A part at a time: a long table begins to show at once.
    for start in range(0, max(len(kept[0].cells), 1), _ROWS_AT_ONCE):
        table = Table(box=None, pad_edge=False, padding=(0, _GAP // 2), show_header=start == 0, header_style="bold")
        for column in kept:
            table.add_column(
                column.name,
                justify="right" if column.is_number else "left",
                no_wrap=True,
                width=widths[column.name],
            )
        for row in zip(*(column.cells[start : start + _ROWS_AT_ONCE] for column in kept), strict=True):
            table.add_row(*(Text(cell, overflow="ellipsis") for cell in row))
        console.print(table)


def print_fields(fields: Mapping[Any, Any], file: IO[str]) -> None:
    """Print one object's fields, one or more lines each."""
    console = console_for(file)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP // 2), show_header=False)
    table.add_column(style="bold", min_width=max(map(len, fields)))
    table.add_column(overflow="fold")
    for name, value in fields.items():
        for number, text in enumerate(_lines(name, value)):
            table.add_row("" if number else name, Text(text))
    console.print(table)


def print_files(folder: Path | str, file_format: str, rows: Mapping[str, int], file: IO[str]) -> None:
    """Print which files an inventory was written to, with their rows and sizes."""
    names = [f"{name}.{file_format}" for name in rows]
    columns = [Column("rows", [f"{count:,}" for count in rows.values()], is_number=True)]
    if isinstance(folder, Path):
        names = [str(folder / name) for name in names]
        columns.append(Column("size", [human_size(_size(Path(name))) for name in names], is_number=True))
    else:
        names = [f"{shown(folder).rstrip('/')}/{name}" for name in names]
    columns.insert(0, Column("file", [line(name) for name in names]))
    print_columns(columns, console_for(file))


def _size(path: Path) -> int:
    """Return the bytes of a file, or of a folder's files."""
    return sum(part.stat().st_size for part in path.iterdir()) if path.is_dir() else path.stat().st_size


def minute(times: pd.Series[Any]) -> list[str]:
    """Return times to the minute: ``2024-05-06 07:08``."""
    return [time[:16].replace("T", " ") for time in iso_times(times).fillna("")]


def console_for(file: IO[str]) -> Console:
    """Return what prints to a file: as wide as the terminal, or wide enough where there is none."""
    console = _Console(file=file, highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _WIDTH_OF_A_FILE
    return console


def _column(values: pd.Series[Any]) -> Column:
    name, write = str(values.name), writer(values)
    return Column(name, [write(value) for value in values], is_number=values.dtype == COUNT, least=_LEAST.get(name))


def _fitted(columns: Sequence[Column], width: int, left_out: list[str]) -> dict[str, int]:
    """Return how wide each column becomes; those that are left out are not in it."""
    full = {column.name: column.width for column in columns}
    least = {column.name: min(full[column.name], column.least or full[column.name]) for column in columns}

    def spare() -> int:
        return width - sum(least.values()) - _GAP * (len(least) - 1)

    while spare() < 0 and left_out:
        least.pop(left_out.pop(0), None)
    cut = [column.name for column in columns if column.name in least and column.least]
    while spare() < 0 and cut and least[widest := max(cut, key=least.__getitem__)] > _NARROWEST:
        least[widest] -= 1
    for name in least:
        least[name] += min(full[name] - least[name], max(spare(), 0))
    return least


def _lines(name: str, value: Any) -> list[str]:
    """Return a field of ``skopeo inspect`` for people."""
    match name, value:
        case _, None:
            return [""]
        case "RepoTags", list():
            first = [*value[:_TAGS_SHOWN], *(["…"] if len(value) > _TAGS_SHOWN else [])]
            return [line(f"{len(value):,}: {', '.join(first)}")]
        case "LayersData", list():
            return [
                f"{short_digest(layer['Digest'])}  {size_text(layer['Size']):>8}  "
                f"{line(layer['MIMEType']).removeprefix(VENDOR)}"
                for layer in value
            ]
        case "Layers", list():
            return [f"{len(value):,}"]
        case _, list():
            return [line(text) for text in value] or [""]
        case _, dict():
            return [line(f"{key}={text}") for key, text in value.items()] or [""]
        case _:
            return [line(value)]


def _counts(name: str, row: str, frame: pd.DataFrame) -> str:
    """Return how many there are of what: ``2,310 images of 1,034 tags in 10 repositories, 61.3 GB``."""
    if name == "images":
        kinds = frame["kind"].value_counts()
        counted = ", ".join(_count(int(number), str(kind)) for kind, number in kinds.items() if number) or "0 images"
    else:
        counted = _count(len(frame), row)
    if name not in _SHOWN:
        return counted
    if name == "repositories":
        return counted + (f", {_count(int(frame['tags'].sum()), 'tag')}" if frame["tags"].notna().any() else "")
    if name != "tags":
        counted += f" of {_count(len(frame.drop_duplicates(['repository', 'tag'])), 'tag')}"
    counted += f" in {_count(frame['repository'].nunique(), 'repository')}"
    if name == "layers":
        once = frame.drop_duplicates("layer_digest")
        distinct = "" if len(once) == len(frame) else f"; {len(once):,} distinct"
        stored = once[once["stored"]]
        unpacked = stored["size"].isna().all() and stored["uncompressed_size"].notna().any()
        sizes = stored["uncompressed_size" if unpacked else "size"]
        counted += f"{distinct}, {human_size(int(sizes.sum()))}{' uncompressed' if unpacked else ''}"
        counted += "; uncompressed sizes are estimates" if frame["uncompressed_estimated"].any() else ""
    return counted


def _count(number: int, thing: str) -> str:
    plural = f"{thing[:-1]}ies" if thing.endswith("y") else f"{thing}s"
    return f"{number:,} {thing if number == 1 else plural}"

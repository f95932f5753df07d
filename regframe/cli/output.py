"""How frames are written: as tables for people, as CSV, JSON and Parquet for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from regframe.errors import ConfigurationError, printable

if TYPE_CHECKING:
    import pandas as pd

_UNPRINTABLE = re.compile(r"[^\x20-\x7e\n]")
# What Go's encoding/json, and so skopeo, does to text.
_ESCAPED_BY_GO = {ord(character): f"\\u{ord(character):04x}" for character in "<>&"}


class Format(StrEnum):
    """How a frame is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class FolderFormat(StrEnum):
    """How the frames of an inventory are written, a file each."""

    CSV = "csv"
    PARQUET = "parquet"


@dataclass(frozen=True)
class Output:
    """How a frame is written, and where."""

    file_format: Annotated[
        Format | None,
        typer.Option(
            "--format", "-f", help="How to write it; else as FILE ends, a table on a terminal and CSV in a pipe."
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", dir_okay=False, help="Where to write it; else standard output."),
    ] = None

    @property
    def format(self) -> Format:
        """The format that was asked for, or the one that fits the place."""
        if self.file_format:
            return self.file_format
        if self.output:
            ending = self.output.suffix.removeprefix(".")
            return Format(ending) if ending in set(Format) else Format.CSV
        return Format.TABLE if sys.stdout.isatty() else Format.CSV

    def check(self) -> None:
        """Check that writing will work, before the registry is read.

        Raises
        ------
        ConfigurationError
            If there is no such folder, or pyarrow is missing.
        """
        if self.output and not self.output.absolute().parent.is_dir():
            raise ConfigurationError(f"There is no folder {self.output.parent} to write {self.output.name} in.")
        if self.format is Format.PARQUET:
            from regframe.formats import need_pyarrow

            if not self.output and sys.stdout.isatty():
                raise typer.BadParameter("parquet is not for a terminal; name a file with --output.")
            need_pyarrow()

    def write_frame(self, name: str, frame: pd.DataFrame) -> None:
        """Write one of the frames of :data:`regframe.frames.SCHEMAS`."""
        match self.format:
            case Format.TABLE:
                from regframe.cli.tables import print_frame

                with self._text() as file:
                    print_frame(name, frame, file)
            case Format.JSON:
                self._write_text(as_json(records(frame)))
            case _:
                self._write_data(frame)

    def write_lines(self, lines: Iterable[str]) -> None:
        """Write lines of text, whatever characters from outside are in them."""
        with self._text() as file:
            file.writelines(f"{printable(line, 1000)}\n" for line in lines)

    def write_fields(self, fields: Mapping[Any, Any]) -> None:
        """Write one object's fields; as JSON it is what ``skopeo inspect`` writes, byte for byte."""
        match self.format:
            case Format.TABLE:
                from regframe.cli.tables import print_fields

                with self._text() as file:
                    print_fields(fields, file)
            case Format.JSON:
                self._write_text(as_json(fields).translate(_ESCAPED_BY_GO))
            case _:
                import pandas as pd

                values = [_as_text(value) for value in fields.values()]
                self._write_data(pd.DataFrame({"field": list(fields), "value": values}, dtype="str"))

    def write_document(self, document: dict[str, Any]) -> None:
        """Write a document, which is JSON whatever the format."""
        self._write_text(as_json(document))

    def _write_text(self, text: str) -> None:
        with self._text() as file:
            file.write(text + "\n")

    def _write_data(self, frame: pd.DataFrame) -> None:
        from regframe.formats import write_csv

        if self.format is Format.PARQUET:
            with self._opened("wb") as file:
                frame.to_parquet(file, engine="pyarrow")
            return
        with self._text() as file:
            write_csv(_harmless(frame) if file.isatty() else frame, file)

    def _text(self) -> Any:
        return self._opened("w", encoding="utf-8", newline="\n")

    @contextmanager
    def _opened(self, mode: str, **options: Any) -> Iterator[IO[Any]]:
        with open(self.output or sys.stdout.fileno(), mode, closefd=self.output is not None, **options) as file:
            yield file


def records(frame: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Return a frame's rows: whole numbers as such, times as ISO 8601, missing values as ``None``."""
    import pandas as pd

    from regframe.formats import iso_times
    from regframe.frames import TIME

    plain = pd.DataFrame(
        {name: iso_times(column) if column.dtype == TIME else column for name, column in frame.items()}
    )
    return plain.astype(object).where(plain.notna(), None).to_dict("records")


def as_json(document: Any) -> str:
    """Return a document as JSON that does nothing to a terminal: what cannot be printed is escaped."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(document), indent=4).decode()
    return _UNPRINTABLE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    return match[0] if match[0].isprintable() else json.dumps(match[0])[1:-1]


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose text does nothing to a terminal."""
    import pandas as pd

    def harmless(column: pd.Series[Any]) -> pd.Series[Any]:
        is_text = isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == "str"
        return (
            column.astype("str").map(lambda text: printable(text, len(text)), na_action="ignore") if is_text else column
        )

    return frame.apply(harmless)

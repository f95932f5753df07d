"""The documentation says what the code does."""

import re
from pathlib import Path

from regframe.frames import OTHER_SCHEMAS, SCHEMAS

ALL_SCHEMAS = {**SCHEMAS, **OTHER_SCHEMAS}
FRAMES = Path(__file__).parents[2] / "docs" / "frames.md"
README = FRAMES.parents[1] / "README.md"


def documented() -> dict[str, list[str]]:
    """Return the columns of each frame as the reference page lists them."""
    columns: dict[str, list[str]] = {}
    for section in re.split(r"^## ", FRAMES.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        name, _, text = section.partition("\n")
        table = text.partition("\n| column |")[2].partition("\n\n")[0]
        rows = [line for line in table.splitlines() if line.startswith("| ")]
        columns[name] = [column for row in rows for column in row.split("|")[1].strip().split(", ")]
    return columns


def test_the_reference_page_lists_every_column_of_every_frame() -> None:
    assert {name: set(columns) for name, columns in documented().items()} == {
        name: set(schema) for name, schema in ALL_SCHEMAS.items()
    }


def test_the_reference_page_gives_the_dtype_of_every_column() -> None:
    text = FRAMES.read_text(encoding="utf-8")
    for name, schema in ALL_SCHEMAS.items():
        section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for column, dtype in schema.items():
            row = next(line for line in section.splitlines() if re.match(rf"\|[^|]*\b{column}\b", line))
            assert f"| {dtype} |" in row, (name, column)


def test_the_readme_lists_the_columns_of_the_frames_in_their_order() -> None:
    text = README.read_text(encoding="utf-8")
    for name, schema in SCHEMAS.items():
        assert re.search(rf"^\| {name} \| [^|]+ \| {', '.join(schema)} \|$", text, re.MULTILINE), name


def test_every_test_that_a_quirk_names_is_there() -> None:
    tests = Path(__file__).parents[1]
    written = "".join(path.read_text(encoding="utf-8") for path in tests.rglob("test_*.py"))
    named = re.findall(r"\btest_\w+\b(?!\.py)", (FRAMES.parent / "quirks.md").read_text(encoding="utf-8"))
    assert len(named) > 30
    for name in named:
        assert f"def {name}(" in written, name

"""Make the table of the sample registry: a choice of the history of Docker's official images.

``python benchmarks/make_sample_table.py official-images.tsv.xz`` writes ``regframe/demo/official-images.tsv.xz``.

The source is a table of the public history of the docker-library/official-images repository (Apache-2.0), with the
columns ``repository, tag, first_released, released, git_commit, directory, architectures``. It has no httpd; those
rows are made here from the same repository's pull requests, which give each change's day, commit and version.
"""

from __future__ import annotations

import csv
import lzma
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

TARGET = Path(__file__).parents[1] / "regframe" / "demo" / "official-images.tsv.xz"
COLUMNS = ("repository", "tag", "version", "released", "git_commit", "directory", "architectures")

# The tags of each repository, and the first day of interest. Of a line of versions not every variant is taken:
# each distinct image brings a manifest and a config for each of its architectures.
CHOICE = {
    "alpine": (r"3\.1[4-8]|3\.(19|2\d)(\.\d+)?|3|latest|edge", "2021-06-01"),
    "archlinux": (r"base-2.*|latest|base", "2022-01-01"),
    "busybox": (r"(1\.3[68](\.\d+)?|1|latest|stable)(-glibc|-musl|-uclibc)?|glibc|musl|uclibc", "2023-01-01"),
    "debian": (r"(11|12|13|12\.\d+|13\.\d+|latest|bullseye|bookworm|trixie)(-slim)?", "2021-06-01"),
    "hello-world": (r"linux|nanoserver-(1709|1803|1809|ltsc2022)", "2013-01-01"),
    "nginx": (r"1\.(2[468]|30)(\.\d+)?(-alpine|-alpine3\.\d+|-bookworm|-trixie|-alpine-perl)?"
              r"|(latest|mainline|stable)(-alpine|-alpine-slim)?|alpine|alpine-slim|1|1-alpine", "2023-01-01"),
    "node": (r"20(\.\d+)?(-bookworm|-alpine|-alpine3\.\d+)?|20\.\d+\.0"
             r"|(20|22|24|26|lts|iron|jod|krypton|latest|current)(-slim|-alpine|-bookworm|-bookworm-slim)?"
             r"|slim|alpine|bookworm", "2023-01-01"),
    "postgres": (r"16(\.\d+)?(-alpine|-trixie)?|16-bookworm|16-alpine3\.\d+"
                 r"|(1[4578]|latest)(-alpine|-trixie)?|alpine|bookworm|trixie", "2023-01-01"),
    # Of python the table has no tag that is shared with Windows, such as 3.13 and latest.
    "python": (r"3\.13\.[0-5]-(slim-)?bookworm|3\.13(\.\d+)?-(slim-)?trixie|3\.13(\.\d+)?-slim|3\.13-alpine3\.\d+"
               r"|(3|3\.11|3\.12|3\.13|3\.14)-(trixie|slim|alpine)|trixie|slim|alpine", "2023-01-01"),
    "registry": (r".*", "2013-01-01"),
}  # fmt: skip

DEBIAN_CURRENT = {"11", "11.11", "bullseye", "12", "12.15", "bookworm", "13", "13.6", "trixie", "latest"}

_DEBIAN = "amd64,arm32v5,arm32v7,arm64v8,i386,mips64le,ppc64le,s390x"
_TRIXIE = "amd64,arm32v5,arm32v7,arm64v8,i386,ppc64le,riscv64,s390x"
_ALPINE = "amd64,arm32v6,arm32v7,arm64v8,i386,ppc64le,s390x"
_ALPINE_SINCE_320 = "amd64,arm32v6,arm32v7,arm64v8,i386,ppc64le,riscv64,s390x"

# httpd: the day of the pull request to official-images, the commit, the version, Debian's suite, Alpine's version
# ("-" where that variant did not change). Commits are given by the pull requests, mostly in seven digits. The
# architectures are those of the base, as generate-stackbrew-library.sh has it. Not here, since no pull request was
# found: 2.4.53 on Debian. Since 2021-07-08 the suites are part of tags.
HTTPD = """
2021-07-08 6d68525ac47c 2.4.48 buster   3.14
2021-09-21 524c7ed      2.4.49 buster   3.14
2021-10-05 1f123b7      2.4.50 buster   3.14
2021-10-07 4d89a55      2.4.51 buster   3.14
2021-11-29 444663e      2.4.51 -        3.15
2021-12-21 a7acc04      2.4.52 bullseye 3.15
2022-05-24 c9123d7      2.4.53 -        3.16
2022-06-08 acb9409      2.4.54 bullseye 3.16
2022-11-30 a876851      2.4.54 -        3.17
2023-01-18 8bee4e1      2.4.55 bullseye 3.17
2023-03-07 91b7aa1      2.4.56 bullseye 3.17
2023-04-06 7d6139b      2.4.57 bullseye 3.17
2023-05-11 7b96615      2.4.57 -        3.18
2023-06-14 242f3c62ba1c 2.4.57 bookworm -
2023-10-19 338f9a4      2.4.58 bookworm 3.18
2023-12-11 8a57cc5      2.4.58 -        3.19
2024-04-04 082047a      2.4.59 bookworm 3.19
2024-05-30 a81495e      2.4.59 -        3.20
2024-07-01 e5a3d6d      2.4.60 bookworm 3.20
2024-07-03 4bbf4e3      2.4.61 bookworm 3.20
2024-07-18 3056c115a9f3 2.4.62 bookworm 3.20
2024-12-11 500ef8b      2.4.62 -        3.21
2025-01-24 329f85a      2.4.63 bookworm 3.21
2025-06-02 7b36de3      2.4.63 -        3.22
2025-07-10 c8d6d8a      2.4.64 bookworm 3.22
2025-07-23 42b1c89      2.4.65 bookworm 3.22
2025-08-12 684a447      2.4.65 trixie   -
2025-12-04 b8bf24d      2.4.66 trixie   -
2025-12-04 c9c8c54      2.4.66 -        3.23
2026-05-04 80149d9      2.4.67 trixie   3.23
2026-06-08 4da4381      2.4.68 trixie   3.23
2026-06-10 fa08e9c      2.4.68 -        3.24
"""

Row = dict[str, str]

_VERSION = re.compile(r"(?:base-)?(\d+(?:\.\d+)*(?:-(?:alpha|beta|rc)\.\d+)?)")


def _image(row: Row) -> tuple[str, ...]:
    """Return what tells images apart: the columns but for the tag."""
    return tuple(row[column] for column in COLUMNS if column not in ("tag", "version"))


def _version(tags: list[str]) -> str:
    """Return the fullest version among the tags of an image."""
    versions = [match[1] for tag in tags if (match := _VERSION.match(tag))]
    return max(
        versions, key=lambda text: (text.count("."), [int(part) for part in re.findall(r"\d+", text)]), default=""
    )


def _seconds(day: str) -> int:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())


def chosen(source: Path) -> list[Row]:
    """Return the rows of the chosen tags."""
    with lzma.open(source, "rt", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["repository"] in CHOICE]
    debian = {(row["tag"], row["directory"]): row for row in rows if row["repository"] == "debian"}
    for current in (row for row in debian.values() if row["tag"].split("-")[0] in DEBIAN_CURRENT):
        # Since December 2024 debian has a commit for each architecture, so the source cannot see when these tags moved
        # on. They stand in one entry with the dated tag of their suite, such as trixie-20260803: it has their date.
        same = [row for row in debian.values() if row["directory"] == current["directory"]]
        current["released"] = max((row["released"] for row in same), key=int)
    tags: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        tags.setdefault(_image(row), []).append(row["tag"])
    return [
        {column: row.get(column, "") for column in COLUMNS} | {"version": _version(tags[_image(row)])}
        for row in rows
        if re.fullmatch(CHOICE[row["repository"]][0], row["tag"])
        and int(row["released"]) >= _seconds(CHOICE[row["repository"]][1])
    ]


def httpd() -> list[Row]:
    """Return the rows of httpd: each tag with what it last pointed to."""
    rows: dict[str, Row] = {}
    for line in HTTPD.split("\n"):
        if not line:
            continue
        day, commit, version, suite, alpine = line.split()
        shorter = (version, version.rpartition(".")[0], version.partition(".")[0])
        # The hour is not known: an image of a day is taken as released in the evening.
        evening = str(_seconds(day) + 20 * 3600)
        image = {"repository": "httpd", "version": version, "released": evening, "git_commit": commit}
        if suite != "-":
            architectures = _TRIXIE if suite == "trixie" else _DEBIAN
            tags = [*shorter, "latest", *(f"{part}-{suite}" for part in shorter), suite]
            rows |= {tag: image | {"tag": tag, "directory": "2.4", "architectures": architectures} for tag in tags}
        if alpine != "-":
            architectures = _ALPINE_SINCE_320 if int(alpine.partition(".")[2]) >= 20 else _ALPINE
            endings = ("alpine", f"alpine{alpine}")
            tags = [f"{part}-{ending}" for ending in endings for part in shorter] + list(endings)
            rows |= {
                tag: image | {"tag": tag, "directory": "2.4/alpine", "architectures": architectures} for tag in tags
            }
    return list(rows.values())


def main() -> None:
    """Write the table."""
    rows = sorted(chosen(Path(sys.argv[1])) + httpd(), key=lambda row: (row["repository"], row["tag"]))
    with lzma.open(TARGET, "wt", preset=9 | lzma.PRESET_EXTREME, encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} tags, {TARGET.stat().st_size} bytes: {TARGET}")


if __name__ == "__main__":
    main()

import csv
import lzma
import random
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from regframe.reference import is_tag
from regframe.version import Version, parse_version, read_tag, tag_order

CHECKOUT = Path(__file__).parents[2]
# The whole history of Docker's official images, where it lies beside the checkout; else the part that is shipped.
TABLES = (
    CHECKOUT.parent / "shared" / "data" / "official-images.tsv.xz",
    CHECKOUT / "regframe" / "demo" / "official-images.tsv.xz",
)
# The only tags of the whole table that are tags, and that cannot be read.
UNREADABLE = {"1.0GA", "1.0TP2"}


@cache
def published_tags() -> tuple[str, ...]:
    table = next(path for path in TABLES if path.exists())
    with lzma.open(table, "rt", newline="", encoding="utf-8") as lines:
        return tuple(dict.fromkeys(line["tag"] for line in csv.DictReader(lines, delimiter="\t")))


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("1.25.3-alpine3.18", Version(1, 25, 3, variant="alpine3.18")),
        ("v2.0.0-rc.1", Version(2, 0, 0, prerelease="rc.1")),
        ("8-jdk-slim-bullseye", Version(8, variant="jdk-slim-bullseye")),
        ("2", Version(2)),
        ("3.14.0b4-slim", Version(3, 14, 0, prerelease="b4", variant="slim")),
        ("8.0RC2", Version(8, 0, prerelease="RC2")),
        ("22-ea-7-jdk", Version(22, prerelease="ea-7", variant="jdk")),
        ("1.2.3-SNAPSHOT", Version(1, 2, 3, prerelease="SNAPSHOT")),
        ("2.19.0-444.2.beta", Version(2, 19, 0, prerelease="444.2.beta")),
        ("2.0.20240115.1", Version(2, 0, 20240115, build="1")),
        ("8.0.36-28-centos", Version(8, 0, 36, build="28", variant="centos")),
        ("9.2-20230718", Version(9, 2, build="20230718")),
        ("17.0.9_9-jdk-jammy", Version(17, 0, 9, build="9", variant="jdk-jammy")),
        ("8u462-b08-jdk", Version(8, 0, 462, build="b08", variant="jdk")),
        ("1.2.3-14-gabcdef0", Version(1, 2, 3, build="14-gabcdef0")),
        ("2.0.0.RELEASE", Version(2, 0, 0, variant="RELEASE")),
        ("007", Version(7)),
    ],
)
def test_versions_as_people_write_them(tag: str, version: Version) -> None:
    assert parse_version(tag) == version
    assert read_tag(tag).form == "version"


@pytest.mark.parametrize(
    ("tag", "form", "prefix", "variant"),
    [
        ("20240115", "date", None, None),
        ("2024-01-15", "date", None, None),
        ("20240115T103000Z", "date", None, None),
        ("20240115-1030", "date", None, None),
        ("bookworm-20240115-slim", "date", "bookworm", "slim"),
        ("base-devel-20240115.0.160368", "date", "base-devel", None),
        ("3f4a5b6", "commit", None, None),
        ("8d2f0b7c1e5a9d3f4b6c8e0a2d4f6b8c0e1a3d5f", "commit", None, None),
        ("sha-1234567", "commit", "sha", None),
        ("main-3f4a5b6", "commit", "main", None),
        (f"sha256-{'0' * 64}.sig", "digest", None, None),
        ("latest", "name", None, None),
        ("alpine3.20", "name", None, None),
        ("windowsservercore-ltsc2022", "name", None, None),
        ("1..2", None, None, None),
        ("_", None, None, None),
    ],
)
def test_other_tags_are_no_versions(tag: str, form: str | None, prefix: str | None, variant: str | None) -> None:
    parts = read_tag(tag)
    assert (parts.form, parts.prefix, parts.variant, parts.version) == (form, prefix, variant, None)
    assert parse_version(tag) is None


def test_a_version_may_stand_after_words() -> None:
    assert read_tag("beta-6.8-RC1-php8.3-fpm")[:] == (
        "version",
        Version(6, 8, prerelease="RC1", variant="php8.3-fpm"),
        None,
        "beta",
        "php8.3-fpm",
    )
    assert parse_version("beta-6.8") is None


def test_every_published_tag_is_read_or_said_not_to_be() -> None:
    unread = {tag for tag in published_tags() if read_tag(tag).form is None}
    # The table's other unread ones ("latest," and "-h2", say) are not even tags.
    assert {tag for tag in unread if is_tag(tag)} <= UNREADABLE


def test_the_parts_of_every_published_version_make_up_the_whole_tag() -> None:
    for tag in published_tags():
        parts = read_tag(tag)
        if parts.form != "version" or re.search(r"\du\d", tag):
            continue
        assert parts.version is not None
        together = "-".join(str(text) for text in (parts.prefix, *parts.version) if text is not None)
        # But for separators, the v before a version and leading zeros.
        assert words(together) == words(re.sub(r"(^|-)v(?=\d)", r"\1", tag)), tag


def words(text: str) -> Counter[str]:
    return Counter(word.lstrip("0") for word in re.findall(r"[0-9]+|[A-Za-z]+", text))


def test_plain_versions_of_the_table_have_these_numbers() -> None:
    plain = [tag for tag in published_tags() if re.fullmatch(r"\d+\.\d+\.\d+", tag)]
    assert len(plain) > 100
    for tag in plain:
        assert parse_version(tag) == Version(*map(int, tag.split(".")))


def test_the_order_of_all_published_tags_is_one_order() -> None:
    tags = list(published_tags())
    ordered = sorted(tags, key=tag_order)
    random.Random(1).shuffle(tags)
    assert sorted(tags, key=tag_order) == ordered
    plain = [tuple(map(int, tag.split("."))) for tag in ordered if re.fullmatch(r"\d+(\.\d+)*", tag)]
    dates = [number for number in plain if len(number) == 1 and number[0] > 19_000_000]
    numbers = [number for number in plain if number not in dates]
    assert numbers == sorted(numbers)


def test_natural_order() -> None:
    ordered = ["1.0", "2.4.9-rc1", "2.4.9-rc10", "2.4.9", "2.4.9-alpine", "2.4.9-28", "2.4.10", "10"]
    ordered += ["beta-2.5", "beta-2.10", "bookworm", "bookworm-20240115", "bookworm-20240201", "latest"]
    shuffled = random.Random(1).sample(ordered, len(ordered))
    assert sorted(shuffled, key=tag_order) == ordered

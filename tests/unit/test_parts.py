"""A scan in parts: nothing is lost, and no part has much more than the others."""

from __future__ import annotations

from math import ceil

from hypothesis import given
from hypothesis import strategies as st

from regframe.parts import cut
from regframe.records import Records, Tag
from regframe.reference import Pattern
from regframe.selection import Chosen

COUNTS = st.lists(st.integers(0, 400), max_size=30)


def listed(counts: list[int]) -> Records:
    tags = [Tag(f"app{number}", f"1.{minor}") for number, count in enumerate(counts) for minor in range(count)]
    return Records(repositories={f"app{number}": count for number, count in enumerate(counts)}, tags=tags)


@given(COUNTS, st.integers(1, 8), st.none() | st.integers(1, 50))
def test_every_tag_is_in_one_part_and_parts_are_balanced(counts: list[int], at_once: int, size: int | None) -> None:
    records = listed(counts)
    parts = cut(Chosen(()), records, at_once=at_once, tags_per_part=size)
    found = [(repository, tag) for part in parts for repository, tags in part.tags.items() for tag in tags]
    assert sorted(found) == sorted((tag.repository, tag.tag) for tag in records.tags)
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    assert all(len(part) <= (size or 1000) for part in parts)
    if size is None and parts:
        # No repository fills a part: two that are less than half full would have been one.
        assert max(map(len, parts)) <= max(20, 2 * ceil(sum(counts) / len(parts)))


def test_a_repository_of_most_tags_is_cut_between_versions() -> None:
    parts = cut(Chosen(()), listed([100, 2]), at_once=1, tags_per_part=36)
    pieces = [part.tags["app0"] for part in parts]
    assert sorted((piece[0], piece[-1]) for piece in pieces) == [("1.0", "1.32"), ("1.33", "1.65"), ("1.66", "1.99")]
    assert sorted(map(len, parts)) == [33, 34, 35]


def test_each_of_those_read_at_once_has_several_small_parts_or_large_ones() -> None:
    assert list(map(len, cut(Chosen(()), listed([100] * 10), at_once=4, tags_per_part=None))) == [50] * 20
    assert len(cut(Chosen(()), listed([3]), at_once=4, tags_per_part=None)) == 1
    assert len(cut(Chosen(()), listed([50_000]), at_once=2, tags_per_part=None)) == 50


def test_images_that_were_named_are_in_parts_too_and_once() -> None:
    named = tuple(Pattern("app0", f"1.{minor}") for minor in range(5))
    parts = cut(Chosen((*named, Pattern("app0"))), listed([8]), at_once=1, tags_per_part=4)
    assert {pattern for part in parts for pattern in part.named} == set(named)
    assert sorted(tag for part in parts for tag in part.tags.get("app0", ())) == ["1.5", "1.6", "1.7"]

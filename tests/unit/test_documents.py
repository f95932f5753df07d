"""Challenges, manifests, configs and digests: any bytes give a result or one of our errors."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

import regframe as rf
from regframe.oci.config import Step, layer_of_each_step, parse_config, parse_time
from regframe.oci.descriptor import Descriptor
from regframe.oci.digest import verify
from regframe.oci.manifest import parse_manifest
from regframe.oci.release import released
from regframe.oci.schema1 import signed_bytes
from regframe.sources.auth import parse_challenges

NAMES = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


@given(
    st.lists(
        st.tuples(NAMES.map(lambda name: "x" + name), st.dictionaries(NAMES, VALUES, min_size=1, max_size=3)),
        max_size=3,
    )
)
def test_challenges_are_read_as_they_were_written(challenges: list[tuple[str, dict[str, str]]]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    header = ", ".join(
        f"{scheme} " + ",".join(f"{name}={quoted(value)}" for name, value in parameters.items())
        for scheme, parameters in challenges
    )
    assert [(one.scheme, dict(one.parameters)) for one in parse_challenges(header)] == challenges


@given(st.text(max_size=80))
def test_any_header_is_some_challenges_or_none(header: str) -> None:
    assert isinstance(parse_challenges(header), list)


KEYS = [
    "config",
    "layers",
    "manifests",
    "digest",
    "size",
    "mediaType",
    "fsLayers",
    "history",
    "rootfs",
    "diff_ids",
    "created",
]
KEYS += [
    "signatures",
    "protected",
    "blobSum",
    "v1Compatibility",
    "annotations",
    "platform",
    "os",
    "architecture",
    "Env",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=25,
)


@given(st.binary(max_size=100) | JSON.map(lambda document: json.dumps(document).encode()))
def test_any_bytes_are_a_document_or_an_error(data: bytes) -> None:
    for parse in (parse_manifest, parse_config, signed_bytes):
        with suppress(rf.InvalidDocument):
            parse(data)


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_digests_are_checked(algorithm: str) -> None:
    digest = f"{algorithm}:{hashlib.new(algorithm, b'data').hexdigest()}"
    verify(b"data", digest)
    with pytest.raises(rf.DigestMismatch, match="do not trust"):
        verify(b"other", digest)


@pytest.mark.parametrize(
    "digest", ["", "sha256:", "md5:" + 32 * "0", "sha256:" + 64 * "G", "sha256:" + 64 * "A", 64 * "0"]
)
def test_what_is_no_digest_is_not_believed(digest: str) -> None:
    with pytest.raises(rf.InvalidDocument):
        verify(b"data", digest)


@pytest.mark.parametrize(
    ("empty", "layers", "expected"),
    [
        ([False, False], 2, [0, 1]),
        ([True, False, True, False], 2, [None, 0, None, 1]),
        ([False], 2, [0]),
        ([False, False, False], 2, [0, 1, None]),
        ([], 2, []),
    ],
)
def test_steps_and_layers_are_joined_as_far_as_both_go(
    empty: list[bool], layers: int, expected: list[int | None]
) -> None:
    steps = [Step(empty_layer=one) for one in empty]
    assert layer_of_each_step(steps, [Descriptor(f"sha256:{number}", 1) for number in range(layers)]) == expected


NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = datetime(2024, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "1970-01-01T00:00:00Z",
        "1980-01-01T00:00:01Z",
        "0001-01-01T00:00:00Z",
        "2026-01-02T00:00:00Z",
        "yesterday",
    ],
)
def test_dates_that_are_not_believable_are_passed_over(text: str | None) -> None:
    assert released([("config", parse_time(text)), ("history", GOOD)], NOW) == (GOOD, "history")
    assert released([("config", parse_time(text))], NOW) == (None, None)


@given(st.text(max_size=40) | st.datetimes().map(datetime.isoformat))
def test_any_text_is_a_time_or_none(text: str) -> None:
    time = parse_time(text)
    assert time is None or time.tzinfo is UTC

import pandas as pd
import pytest

import regframe as rf
from regframe.analysis import storage
from tests.analysis.made import CONFIG_SIZE, EMPTY, INDEX_SIZE, MANIFEST_SIZE, Made, digest, inventory

BYTES = ["logical", "stored", "exclusive", "shared"]


def rows(frame: pd.DataFrame, *columns: str) -> list[tuple[object, ...]]:
    return list(frame[list(columns)].itertuples(index=False, name=None))


def test_layers_are_stored_once_and_counted_for_each_image_by_itself() -> None:
    found = storage(
        inventory(
            Made("app", "1", ("base 100", "one 10")),
            Made("app", "2", ("base 100", "two 20")),
            Made("web", "1", ("base 100", "three 3")),
        )
    )
    assert rows(found, "repository", "images", "layers", *BYTES) == [
        ("app", 2, 3, 230, 130, 30, 100),
        ("web", 1, 2, 103, 103, 3, 100),
    ]


def test_aliases_count_once() -> None:
    image = Made("app", "1.0", ("base 100",))
    found = storage(inventory(image, Made("app", "latest", ("base 100",))))
    assert rows(found, "repository", "images", *BYTES) == [("app", 1, 100, 100, 100, 0)]


def test_a_layer_that_an_image_lists_twice_counts_once() -> None:
    found = storage(inventory(Made("app", "1", ("base 100", "empty 32", "empty 32"))))
    assert rows(found, "layers", *BYTES) == [(2, 132, 132, 132, 0)]


def test_foreign_layers_are_not_stored_here() -> None:
    found = storage(inventory(Made("app", "1", ("foreign base 1000", "own 10"))))
    assert rows(found, "layers", *BYTES) == [(1, 10, 10, 10, 0)]


def test_layers_of_unknown_size_count_where_the_size_is_known_elsewhere() -> None:
    old = Made("old", "1", ("base ?",))
    alone = storage(inventory(old))
    assert rows(alone, "layers", *BYTES) == [(1, 0, 0, 0, 0)]
    both = inventory(old, Made("new", "1", ("own 5",)))
    both.layers["layer_digest"] = digest("the same layer")
    assert rows(storage(both, by="registry"), "layers", "stored") == [(1, 5)]


def test_documents_count_apart_from_layers() -> None:
    found = storage(
        inventory(
            Made("app", "1", ("base 100",), index="index", platform="linux/amd64"),
            Made("app", "1", ("base 100", "arm 10"), index="index", platform="linux/arm64"),
            Made("app", "latest", ("base 100",), index="index", platform="linux/amd64"),
            Made("app", "latest", ("base 100", "arm 10"), index="index", platform="linux/arm64"),
        )
    )
    size = INDEX_SIZE + 2 * MANIFEST_SIZE + 2 * CONFIG_SIZE
    assert rows(found, "images", "stored", "documents", "documents_size") == [(2, 110, 5, size)]


def test_artifacts_are_of_their_own_kind() -> None:
    attestation = Made("app", "1", ("provenance 7",), platform=None, index="index", kind="attestation")
    signature = Made("app", "sha256-0.sig", ("signature 3",), platform=None, kind="signature")
    found = storage(inventory(Made("app", "1", ("base 100",), index="index"), attestation, signature))
    assert rows(found, "images", "layers", *BYTES, "artifacts", "artifacts_size") == [(1, 1, 100, 100, 100, 0, 2, 10)]
    size = INDEX_SIZE + 3 * MANIFEST_SIZE + 3 * CONFIG_SIZE
    assert rows(found, "documents", "documents_size") == [(7, size)]


def test_the_empty_blob_of_artifacts_is_a_document_once() -> None:
    artifact = Made("app", "1", (EMPTY,), config=EMPTY, platform=None, kind="artifact")
    found = storage(inventory(artifact))
    assert rows(found, "artifacts", "artifacts_size", "documents", "documents_size") == [
        (1, 0, 2, MANIFEST_SIZE + len(EMPTY))
    ]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("tag", [("a/app", "2.0", 110), ("a/app", "1.0", 100), ("a/app", "1", 100), ("top", "1.0", 3)]),
        ("platform", [("linux/amd64", 113)]),
        ("registry", [("localhost:5000", 113)]),
        ("namespace", [("a", 110), ("", 3)]),
        ("version_line", [("a/app", "2", 110), ("a/app", "1", 100), ("top", "1", 3)]),
        (["namespace", "kind"], [("a", "image", 110), ("", "image", 3)]),
    ],
)
def test_groups(by: str, expected: list[tuple[object, ...]]) -> None:
    found = storage(
        inventory(
            Made("a/app", "1.0", ("base 100",)),
            Made("a/app", "1", ("base 100",)),
            Made("a/app", "2.0", ("base 100", "two 10")),
            Made("top", "1.0", ("small 3",)),
        ),
        by=by,
    )
    keys = list(found.columns[: list(found.columns).index("images")])
    assert rows(found, *keys, "stored") == expected


def test_groups_by_a_function() -> None:
    made = inventory(
        Made("app", "1", ("one 1",), released="2023-05-01"), Made("app", "2", ("two 2",), released="2024-05-01")
    )
    found = storage(made, by=lambda images: images["released_at"].dt.year.rename("year"))
    assert rows(found, "year", "stored") == [(2024, 2), (2023, 1)]


def test_nothing_to_group_by_is_one_sentence() -> None:
    with pytest.raises(rf.InvalidReference, match="“size_class” is nothing to group by; name repository, tag"):
        storage(inventory(Made("app", "1")), by="size_class")


@pytest.mark.parametrize("by", ["repository", "tag", "platform", "registry", "namespace", "version_line"])
def test_an_empty_inventory_gives_an_empty_frame_with_the_same_dtypes(by: str) -> None:
    empty = storage(inventory(), by=by)
    full = storage(inventory(Made("app", "1", ("base 100",))), by=by)
    assert empty.empty
    assert empty.dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict()

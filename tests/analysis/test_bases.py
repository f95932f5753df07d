import pytest

import regframe as rf
from regframe.analysis import bases
from tests.analysis.made import Made, digest, inventory

Steps = tuple[tuple[str | None, str | None], ...]
DEBIAN: Steps = (("ADD rootfs", "debian 100"), ("CMD bash", None))
PYTHON: Steps = (*DEBIAN, ("ENV PYTHON=3", None), ("RUN build", "python 50"), ("CMD python", None))


def built(repository: str, tag: str, steps: Steps, **about: object) -> Made:
    return Made(repository, tag, tuple(layer for _, layer in steps if layer), steps=steps, **about)  # type: ignore[arg-type]


def found(made: rf.Inventory, *columns: str) -> dict[str, list[object]]:
    frame = bases(made)
    names = frame["repository"] + ":" + frame["tag"].fillna("")
    shown = frame[list(columns)].astype(object)
    return dict(zip(names, shown.where(shown.notna(), None).to_numpy().tolist(), strict=True))


def test_the_longest_image_that_an_image_begins_with() -> None:
    made = inventory(
        built("debian", "12", DEBIAN),
        built("python", "3", PYTHON),
        built("app", "1.0", (*PYTHON, ("COPY app /", "app 7"), ("CMD app", None))),
        built("other", "1.0", (("ADD rootfs", "other 3"),)),
    )
    assert found(made, "base_repository", "base_tag", "base_source", "base_layers", "base_size", "stale") == {
        "debian:12": [None] * 6,
        "python:3": ["debian", "12", "layers", 1, 100, False],
        "app:1.0": ["python", "3", "layers", 2, 150, False],
        "other:1.0": [None] * 6,
    }
    digests = bases(made).set_index("repository")
    assert digests.loc["app", "base_digest"] == digests.loc["python", "digest"]


def test_a_base_may_give_all_layers() -> None:
    configured = (*PYTHON, ("ENV MODE=production", None))
    made = inventory(built("python", "3", PYTHON), built("app", "1.0", configured))
    assert found(made, "base_repository", "base_layers")["app:1.0"] == ["python", 2]


def test_an_image_with_a_step_more_at_its_end_is_not_built_on_the_other() -> None:
    longer = (*PYTHON[:-1], ("RUN more", "more 9"), PYTHON[-1])
    made = inventory(built("app", "1.0", PYTHON), built("app", "1.1", longer))
    assert found(made, "base_tag")["app:1.1"] == [None]


def test_without_a_history_the_layers_tell() -> None:
    nameless: Steps = ((None, "debian 100"), (None, "python 50"))
    made = inventory(built("debian", "12", DEBIAN), built("app", "1.0", nameless), built("web", "1", (*PYTHON[:3],)))
    assert found(made, "base_repository")["app:1.0"] == ["debian"]
    base = inventory(built("debian", "12", ((None, "debian 100"),)), built("python", "3", PYTHON))
    assert found(base, "base_repository")["python:3"] == ["debian"]


def test_platforms_have_their_own_bases() -> None:
    made = inventory(
        built("base", "1", DEBIAN, platform="linux/amd64", index="base"),
        built("base", "1", DEBIAN, platform="linux/arm64", index="base"),
        built("app", "1", PYTHON, platform="linux/arm64"),
        built("windows", "1", PYTHON, platform="windows/amd64"),
    )
    frame = bases(made).set_index("repository")
    assert frame.loc["app", "base_digest"] == frame.loc["base", "digest"].iloc[1]
    assert frame["base_repository"].isna()["windows"]


@pytest.mark.parametrize(
    ("newer", "stale", "named"),
    [
        (["12.1"], True, "12.1"),
        (["12.1", "12.2"], True, "12.2"),
        (["13.0"], False, None),
        (["12.1-rc1"], False, None),
        (["12.1-slim"], False, None),
    ],
)
def test_a_base_is_stale_when_its_line_has_a_later_release(newer: list[str], stale: bool, named: str | None) -> None:
    made = inventory(
        built("debian", "12.0", DEBIAN),
        *(built("debian", tag, (("ADD rootfs", f"debian {tag} 1"),)) for tag in newer),
        built("app", "1", PYTHON),
    )
    assert found(made, "base_tag", "stale", "newer_base_tag")["app:1"] == ["12.0", stale, named]


def test_a_prerelease_is_followed_by_prereleases() -> None:
    made = inventory(
        built("debian", "12.1-rc1", DEBIAN),
        built("debian", "12.1-rc2", (("ADD rootfs", "second 1"),)),
        built("app", "1", PYTHON),
    )
    assert found(made, "stale", "newer_base_tag")["app:1"] == [True, "12.1-rc2"]


def test_the_annotation_names_the_base() -> None:
    base, twin = built("base", "1", DEBIAN), built("twin", "1", DEBIAN, config="twin", released="2025-01-01")
    by_layers = inventory(base, twin, built("app", "1", PYTHON))
    assert found(by_layers, "base_repository", "base_source")["app:1"] == ["twin", "layers"]
    annotated = inventory(base, twin, built("app", "1", PYTHON, base_digest=base.digest))
    assert found(annotated, "base_repository", "base_source")["app:1"] == ["base", "annotation"]


def test_the_annotation_may_name_an_index() -> None:
    amd = built("base", "1", DEBIAN, platform="linux/amd64", index="base")
    arm = built("base", "1", DEBIAN, platform="linux/arm64", index="base")
    made = inventory(amd, arm, built("app", "1", (("RUN squashed", "all 1"),), base_digest=digest("base")))
    frame = bases(made).set_index("repository")
    assert frame.loc["app", ["base_digest", "base_source", "base_layers"]].tolist() == [amd.digest, "annotation", 1]


def test_a_base_that_is_only_named() -> None:
    columns = ["base_repository", "base_tag", "base_digest", "base_source", "base_layers", "stale", "newer_base_tag"]
    gone = digest("the base as it was")
    elsewhere = built("app", "1", PYTHON, base_name="docker.io/library/python:3", base_digest=gone)
    assert found(inventory(elsewhere), *columns) == {
        "app:1": ["docker.io/library/python", "3", gone, "annotation", None, None, None]
    }
    nowhere = built("app", "1", PYTHON, base_name="not a reference", base_digest=gone)
    assert found(inventory(nowhere), *columns) == {"app:1": [None] * 7}
    rebuilt = built("base", "1", (("ADD rootfs", "rebuilt 1"),))
    moved = built("app", "1", PYTHON, base_name="localhost:5000/base:1", base_digest=gone)
    assert found(inventory(rebuilt, moved), *columns)["app:1"] == ["base", "1", gone, "annotation", None, True, "1"]


def test_a_named_base_that_the_image_is_built_on_is_not_stale() -> None:
    # The digest that buildah gives is of its own storage, not of what was pushed.
    made = inventory(
        built("base", "1", DEBIAN),
        built("app", "1", PYTHON, base_name="localhost:5000/base:1", base_digest=digest("?")),
    )
    assert found(made, "base_tag", "base_source", "stale")["app:1"] == ["1", "layers", False]
    between = inventory(
        built("base", "1", DEBIAN),
        built("python", "3", PYTHON),
        built("app", "1", (*PYTHON, ("COPY app /", "app 7")), base_name="localhost:5000/base:1"),
    )
    assert found(between, "base_repository", "stale")["app:1"] == ["python", False]


def test_attestations_and_empty_inventories_have_no_rows() -> None:
    attestation = Made("app", "1", ("provenance 1",), platform=None, kind="attestation")
    assert bases(inventory(attestation)).empty
    full = bases(inventory(built("debian", "12", DEBIAN), built("python", "3", PYTHON)))
    assert bases(inventory()).dtypes.astype(str).to_dict() == full.dtypes.astype(str).to_dict()

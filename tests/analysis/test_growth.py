import pytest

import regframe as rf
from regframe.analysis import growth
from regframe.analysis.steps import matched, step_text
from tests.analysis.made import Made, inventory


def built(tag: str, *steps: tuple[str | None, str | None], **about: object) -> Made:
    layers = tuple(layer for _, layer in steps if layer)
    return Made("app", tag, layers, steps=steps, **about)  # type: ignore[arg-type]


BASE = ("ADD base", "base 100")
FIRST = built("1.0", BASE, ("RUN install", "tools 50"), ("ENV A=1", None), ("COPY old /", "old 7"), ("CMD run", None))


def changes(made: rf.Inventory) -> list[list[object]]:
    found = growth(made, "app")
    shown = found[
        ["previous_tag", "tag", "change", "position", "created_by", "size_before", "size_after", "size_change"]
    ]
    return shown.astype(object).where(shown.notna(), None).to_numpy().tolist()


def test_which_steps_account_for_a_change_of_size() -> None:
    second = built(
        "1.1",
        BASE,
        ("RUN install", "newer tools 60"),
        ("RUN build", "build 1000"),
        ("ENV A=2", None),
        ("CMD run", None),
    )
    assert changes(inventory(FIRST, second)) == [
        ["1.0", "1.1", "changed", 1, "RUN install", 50, 60, 10],
        ["1.0", "1.1", "removed", 2, "COPY old /", 7, None, -7],
        ["1.0", "1.1", "added", 2, "RUN build", None, 1000, 1000],
    ]
    found = growth(inventory(FIRST, second))
    assert found["image_size"].unique().tolist() == [1160]
    assert found["image_size_change"].unique().tolist() == [found["size_change"].sum()] == [1003]


def test_a_step_with_another_text_is_one_that_was_changed() -> None:
    second = built("1.1", BASE, ("RUN install --all", "all tools 90"), ("COPY old /", "old 7"))
    assert changes(inventory(FIRST, second)) == [["1.0", "1.1", "changed", 1, "RUN install --all", 50, 90, 40]]


def test_each_release_is_compared_with_the_one_before_in_its_line() -> None:
    made = inventory(
        FIRST,
        built("1.1", BASE, ("RUN install", "tools 50"), ("COPY old /", "old 7"), ("COPY new /", "new 1")),
        built("1.2", BASE, ("RUN install", "tools 50"), ("COPY old /", "old 7")),
        built("1.2-slim", BASE),
        built("2.0", ("ADD other", "other 1")),
        built("latest", ("ADD other", "other 1")),
    )
    assert changes(made) == [
        ["1.0", "1.1", "added", 3, "COPY new /", None, 1, 1],
        ["1.1", "1.2", "removed", 3, "COPY new /", 1, None, -1],
    ]


def test_platforms_are_compared_with_themselves() -> None:
    made = inventory(
        Made("app", "1.0", ("amd 100",), platform="linux/amd64", index="first"),
        Made("app", "1.0", ("arm 90",), platform="linux/arm64", index="first"),
        Made("app", "1.1", ("amd 101",), platform="linux/amd64", index="second"),
        Made("app", "1.1", ("arm 92",), platform="linux/arm64", index="second"),
        Made("app", "1.1", ("riscv 80",), platform="linux/riscv64", index="second"),
    )
    found = growth(made, "app")
    assert found[["platform", "size_change"]].to_numpy().tolist() == [["linux/amd64", 1], ["linux/arm64", 2]]


def test_a_release_with_the_same_layers_has_one_row() -> None:
    second = built("1.1", BASE, ("RUN install", "tools 50"), ("ENV A=2", None), ("COPY old /", "old 7"))
    assert changes(inventory(FIRST, second)) == [["1.0", "1.1", None, None, None, None, None, 0]]


def test_layers_without_history_are_matched_by_digest() -> None:
    nameless = [(None, "base 100"), (None, "tools 50")]
    made = inventory(built("1.0", *nameless), built("1.1", *nameless, (None, "new 9")))
    assert changes(made) == [["1.0", "1.1", "added", 2, None, None, 9, 9]]


def test_an_unknown_size_has_an_unknown_change() -> None:
    made = inventory(built("1.0", ("ADD base", "base ?")), built("1.1", ("ADD base", "base 100")))
    assert changes(made) == [["1.0", "1.1", "changed", 0, "ADD base", None, 100, None]]


def test_other_repositories_do_not_matter_and_all_are_the_default() -> None:
    web = [Made("web", "1.0", ("one 1",)), Made("web", "1.1", ("two 2",))]
    made = inventory(FIRST, *web)
    assert growth(made, "app").empty
    assert growth(made)["repository"].unique().tolist() == ["web"]
    assert growth(made, "app").dtypes.astype(str).to_dict() == growth(made).dtypes.astype(str).to_dict()
    with pytest.raises(rf.InvalidReference, match="The inventory has no images of “nosuch”"):
        growth(made, "nosuch")


@pytest.mark.parametrize(
    ("created_by", "text"),
    [
        ("/bin/sh -c #(nop) COPY file:01b0553b128d4b38 in /bin/busybox ", "COPY file in /bin/busybox"),
        ("COPY dir:01b0553b128d4b3874da /app # buildkit", "COPY dir /app"),
        ("|1 REVISION=unknown /bin/sh -c make", "/bin/sh -c make"),
        ("RUN /bin/sh -c set -eux; \tmake # buildkit", "RUN /bin/sh -c set -eux; make"),
    ],
)
def test_steps_are_recognised_by_their_own_words(created_by: str, text: str) -> None:
    assert step_text(created_by) == text


def test_the_lowest_layers_are_one_step_whatever_made_them() -> None:
    made = inventory(built("1.0", ("ADD old rootfs", "old 100"), BASE), built("1.1", ("# debian.sh", "new 90"), BASE))
    assert changes(made) == [["1.0", "1.1", "changed", 0, "# debian.sh", 100, 90, -10]]


def test_every_step_is_matched_once_in_order() -> None:
    before = ["FROM", "COPY a", "RUN b", "RUN c", "CMD d"]
    after = ["FROM", "RUN b", "COPY a", "RUN x", "ENV y", "CMD d"]
    pairs = list(matched(before, after))
    assert [left for left, _ in pairs if left is not None] == list(range(len(before)))
    assert [right for _, right in pairs if right is not None] == list(range(len(after)))
    assert (0, 0) in pairs
    assert (4, 5) in pairs

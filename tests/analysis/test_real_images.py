"""Images that buildah has built say what was done to them."""

import regframe as rf
from regframe.analysis import bases, diff, growth, releases, select, storage
from regframe.analysis.steps import step_text


def test_what_each_image_is_built_on(built: rf.Inventory) -> None:
    found = bases(select(built, ["app", "web", "base"]))
    found["image"] = found["repository"] + ":" + found["tag"]
    known = found[found["base_tag"].notna()].set_index("image")
    assert known[["base_repository", "base_tag", "base_source", "base_layers", "stale"]].to_numpy().tolist() == [
        ["base", "1.0", "layers", 2, True],
        ["base", "1.1", "layers", 3, False],
        ["base", "1.1", "layers", 3, False],
        ["base", "1.0", "annotation", 2, True],
    ]
    assert known.index.tolist() == ["app:1.0", "app:1.1", "app:latest", "web:1.0"]
    assert known.loc["app:1.0", "newer_base_tag"] == known.loc["web:1.0", "newer_base_tag"] == "1.1"
    size = built.images.set_index(["repository", "tag"])["size"]
    assert known.loc["app:1.0", "base_size"] == known.loc["web:1.0", "base_size"] == size["base", "1.0"]
    assert known.loc["app:1.1", "base_size"] == size["base", "1.1"]


def test_which_steps_made_an_image_grow(built: rf.Inventory) -> None:
    found = growth(built, "app")
    assert set(found["previous_tag"]) == {"1.0"}
    assert set(found["tag"]) == {"1.1"}
    steps = found["created_by"].map(step_text).str.replace("/bin/sh -c ", "")
    assert list(zip(found["change"], steps, strict=True)) == [
        ("added", "COPY file in /share/"),
        ("changed", "echo two, and more of it > /made.txt"),
        ("added", "COPY file in /app/"),
    ]
    size = built.images.set_index(["repository", "tag"])["size"]
    assert found["size_change"].sum() == size["app", "1.1"] - size["app", "1.0"] == found["image_size_change"].iloc[0]


def test_what_differs_between_two_images(built: rf.Inventory) -> None:
    found = diff(select(built, "app:1.0"), select(built, "app:1.1"))
    layers = found[found["part"] == "layer"]
    assert layers["change"].tolist() == ["kept", "kept", "added", "replaced", "kept", "added"]
    assert layers["size_change"].sum() == growth(built, "app")["size_change"].sum()
    config = found[~found["part"].isin(["layer", "step"]) & (found["change"] != "kept")]
    shown = config[["part", "change", "name", "before", "after"]].astype(object)
    assert shown.where(shown.notna(), None).to_numpy().tolist() == [
        ["env", "changed", "MODE", "first", "second"],
        ["label", "removed", "gone", "yes", None],
        ["port", "added", "8080/tcp", None, None],
    ]
    steps = found[found["part"] == "step"]
    assert "ENV MODE=second" in set(steps.loc[steps["change"] == "changed", "name"].map(step_text))


def test_a_new_base_under_the_same_steps(built: rf.Inventory) -> None:
    found = diff(select(built, "base:1.0"), select(built, "base:1.1"))
    layers = found.loc[found["part"] == "layer", "change"]
    assert layers.tolist() == ["kept", "kept", "added"]


def test_what_is_shared_is_stored_once(built: rf.Inventory) -> None:
    ours = select(built, ["app", "base", "web"])
    found = storage(ours).set_index("repository")
    layers = ours.layers.drop_duplicates(["repository", "layer_digest"])
    assert found["stored"].to_dict() == layers.groupby("repository")["size"].sum().to_dict()
    assert found.loc["base", "exclusive"] == 0
    assert storage(ours, by="registry")["stored"].sum() == ours.layers.drop_duplicates("layer_digest")["size"].sum()


def test_releases_of_real_images(built: rf.Inventory) -> None:
    found = releases(select(built, "app").images)
    assert found[["tag", "aliases", "previous_tag"]].fillna("").to_numpy().tolist() == [
        ["1.0", "", ""],
        ["1.1", "latest", "1.0"],
    ]
    assert (found["days_since_previous"].dropna() > 0).all()

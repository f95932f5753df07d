"""Targets that are places on this machine, as skopeo names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from regframe.errors import InvalidReference
from regframe.reference import Pattern
from regframe.selection import choose
from regframe.target import Place, Target

DIGEST = f"sha256:{64 * 'a'}"


@pytest.mark.parametrize(
    ("text", "place", "pattern"),
    [
        ("docker-daemon:", Place("docker-daemon"), None),
        ("docker-daemon:busybox:latest", Place("docker-daemon"), Pattern("docker.io/library/busybox", "latest")),
        ("docker-daemon:team/app", Place("docker-daemon"), Pattern("docker.io/team/app")),
        ("docker-daemon:localhost:5000/httpd:2", Place("docker-daemon"), Pattern("localhost:5000/httpd", "2")),
        (f"docker-daemon:{DIGEST}", Place("docker-daemon"), Pattern("<none>", None, DIGEST)),
        ("podman:localhost/foo:1.0", Place("podman"), Pattern("localhost/foo", "1.0")),
        ("podman:localhost/*", Place("podman"), Pattern("localhost/*")),
        ("podman:*:1.*", Place("podman"), Pattern("*", "1.*")),
        (f"podman:{64 * 'a'}", Place("podman"), Pattern("<none>", None, DIGEST)),
        (f"podman:<none>@{DIGEST}", Place("podman"), Pattern("<none>", None, DIGEST)),
        ("podman:<none>", Place("podman"), Pattern("<none>")),
        ("oci:layout", Place("oci", "layout"), None),
        ("oci:some/layout:1.0", Place("oci", "some/layout"), Pattern("layout", "1.0")),
        ("oci:layout:team/app:1.0", Place("oci", "layout"), Pattern("team/app", "1.0")),
        ("oci:layout:localhost:5000/app:1", Place("oci", "layout"), Pattern("localhost:5000/app", "1")),
        ("oci-archive:My App.tar.gz:1.0", Place("oci-archive", "My App.tar.gz"), Pattern("my-app", "1.0")),
        ("docker-archive:a.tar:app:1", Place("docker-archive", "a.tar"), Pattern("docker.io/library/app", "1")),
        ("dir:a:b", Place("dir", "a:b"), None),
        ("oci:C:/some/layout:1.0", Place("oci", "C:/some/layout"), Pattern("layout", "1.0")),
        ("docker-archive:d:\\a b.tar", Place("docker-archive", "d:\\a b.tar"), None),
        ("docker-archive:a:app", Place("docker-archive", "a"), Pattern("docker.io/library/app")),
        ("containers-storage:", Place("containers-storage"), None),
        (
            "containers-storage:[vfs@/root+/run]app:1",
            Place("containers-storage", "[vfs@/root+/run]"),
            Pattern("docker.io/library/app", "1"),
        ),
    ],
)
def test_places_and_what_is_read_of_them(text: str, place: Place, pattern: Pattern | None) -> None:
    target = Target.parse(text)
    assert (target.place, target.pattern) == (place, pattern)
    assert target.registry == str(place)


@pytest.mark.parametrize("text", ["docker://podman:5000/app", "localhost:5000", "http://oci:80/", "dir.example/app"])
def test_registries_are_no_places(text: str) -> None:
    assert Target.parse(text).place is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("oci:", "goes with a path"),
        ("dir:", "goes with a path"),
        ("podman:UPPER", "it must be lower case"),
        ("podman:app:a b", "a tag is at most 128"),
        ("docker-archive:a.tar:-", "is no repository name"),
        ("containers-storage:[vfs@/root", "lacks the “]”"),
    ],
)
def test_what_is_no_target_is_one_sentence(text: str, said: str) -> None:
    with pytest.raises(InvalidReference, match=said):
        Target.parse(text)


@pytest.mark.parametrize(
    ("path", "name"),
    [("/data/My Layout", "my-layout"), ("a/app.tar.zst", "app"), ("a/app.tgz", "app"), ("/", "image"), ("…", "image")],
)
def test_what_has_no_name_is_named_after_its_file(path: str, name: str) -> None:
    assert Place("oci", path).own_name == name


@pytest.mark.parametrize("target", [3, None, b"localhost:5000", Path("layout")])
def test_what_is_no_text_is_no_target(target: object) -> None:
    with pytest.raises(InvalidReference, match="A target is text, such as localhost:5000; this is a"):
        Target.parse(target)  # type: ignore[arg-type]


@pytest.mark.parametrize("selection", [3, b"app", {"app": 1}, ["app", None], object()])
def test_what_is_no_selection_is_one_sentence(selection: Any) -> None:
    with pytest.raises(InvalidReference, match="A selection is text, a list of texts, or a DataFrame"):
        choose(selection, Pattern.parse, None)

"""Text to references, patterns and targets, by Docker's rules."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import regframe as rf
from regframe.reference import Pattern, Reference
from regframe.target import Target

DIGEST = "sha256:" + 64 * "a"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("httpd", "docker.io/library/httpd:latest"),
        ("library/httpd", "docker.io/library/httpd:latest"),
        ("docker.io/httpd", "docker.io/library/httpd:latest"),
        ("index.docker.io/library/httpd:2", "docker.io/library/httpd:2"),
        ("httpd:2-alpine", "docker.io/library/httpd:2-alpine"),
        ("team/app", "docker.io/team/app:latest"),
        ("localhost/app", "localhost/app:latest"),
        ("localhost:5000/app:1.0", "localhost:5000/app:1.0"),
        ("quay.io/team/app", "quay.io/team/app:latest"),
        ("registry:5000/app", "registry:5000/app:latest"),
        ("[::1]:5000/app", "[::1]:5000/app:latest"),
        ("REGISTRY/app", "REGISTRY/app:latest"),
        (f"quay.io/app@{DIGEST}", f"quay.io/app@{DIGEST}"),
        (f"quay.io/app:1@{DIGEST}", f"quay.io/app:1@{DIGEST}"),
        ("docker://quay.io/a/b/c__d/e--f:x", "quay.io/a/b/c__d/e--f:x"),
        ("localhost:5000", "docker.io/library/localhost:5000"),
    ],
)
def test_references_mean_what_they_mean_to_docker(text: str, meaning: str) -> None:
    assert str(Reference.parse(text)) == meaning


NO_REFERENCES = ["", "/", ":tag", "APP", "team/App", "app:", "app:-x", "app:" + "x" * 129, "app@sha256:abc", "a//b"]
NO_REFERENCES += [
    "-a",
    "a/",
    "a b",
    64 * "a",
    "quay.io/" + "a" * 250,
    "https://quay.io/app",
    "app:1:2",
    "a/../b",
    "a\nb",
]
NO_REFERENCES += ["localhost:99999/app"]


@pytest.mark.parametrize("text", NO_REFERENCES)
def test_what_is_no_reference_is_one_sentence(text: str) -> None:
    with pytest.raises(rf.InvalidReference) as info:
        Reference.parse(text)
    assert "\n" not in str(info.value)


@given(st.text(max_size=60) | st.from_regex(r"[a-zA-Z0-9./:@_-]{0,40}", fullmatch=True))
def test_any_text_is_a_reference_or_an_error(text: str) -> None:
    for parse in (Reference.parse, Pattern.parse, Target.parse):
        with suppress(rf.InvalidReference):
            parsed = parse(text)
            if isinstance(parsed, Reference):
                assert Reference.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    ("text", "registry", "pattern"),
    [
        ("localhost:5000", "localhost:5000", None),
        ("localhost", "localhost", None),
        ("quay.io", "quay.io", None),
        ("name:5000/", "name:5000", None),
        ("https://localhost:5000", "localhost:5000", None),
        ("localhost:5000/httpd", "localhost:5000", "httpd"),
        ("localhost:5000/httpd:2-alpine", "localhost:5000", "httpd:2-alpine"),
        ("docker://localhost:5000/team/app:1", "localhost:5000", "team/app:1"),
        ("httpd", "docker.io", "library/httpd"),
        ("httpd:2.4", "docker.io", "library/httpd:2.4"),
        (f"httpd:2@{DIGEST}", "docker.io", f"library/httpd:2@{DIGEST}"),
        ("docker://httpd", "docker.io", "library/httpd"),
        ("docker.io", "docker.io", None),
        ("localhost:5000/team/*", "localhost:5000", "team/*"),
    ],
)
def test_a_target_is_a_registry_and_perhaps_a_part_of_it(text: str, registry: str, pattern: str | None) -> None:
    target = Target.parse(text)
    assert target.registry == registry
    assert (str(target.pattern) if target.pattern else None) == pattern


@pytest.mark.parametrize(
    "text", ["https://me:hunter2@localhost:5000", "me:hunter2@localhost:5000/app", "me:hunter2@quay.io"]
)
def test_a_target_does_not_hold_a_password(text: str) -> None:
    with pytest.raises(rf.InvalidReference, match="username= and password=") as info:
        Target.parse(text)
    assert "hunter2" not in str(info.value)


@pytest.mark.parametrize(
    ("pattern", "repository", "tag", "is_meant"),
    [
        ("*", "team/app", "1", True),
        ("team/*", "team/a/b", "1", True),
        ("team/*", "other/a", "1", False),
        ("app:1.*", "app", "1.2", True),
        ("app:1.*", "app", "2.0", False),
        ("app:*-alpine", "app", "2-alpine", True),
        ("*:latest", "team/app", "latest", True),
        ("app[12]", "app2", "x", True),
    ],
)
def test_globs(pattern: str, repository: str, tag: str, is_meant: bool) -> None:
    parsed = Pattern.parse(pattern)
    assert (parsed.matches_repository(repository) and parsed.matches_tag(tag)) == is_meant

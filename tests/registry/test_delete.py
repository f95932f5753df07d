"""Deleting and tagging in a real docker-registry, with skopeo as the witness before and after."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from itertools import permutations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import regframe as rf
from tests.parts import RegistryServer, needs, pushing, run, skopeo, start_front, start_registry

if TYPE_CHECKING:
    from tests.parts import Certificate, TokenServer


@pytest.fixture
def filled(empty_registry: RegistryServer) -> RegistryServer:
    """Give a registry with an image, an alias of it, an index that names it, and an index that shares one image."""
    fill(empty_registry)
    return empty_registry


def fill(registry: RegistryServer) -> None:
    with pushing(registry, "app") as push:
        one, two, three = (push.image(layers=number, created=f"202{number}-01-01T00:00:00Z") for number in (1, 2, 3))
        push.image("1.0", layers=1, created="2021-01-01T00:00:00Z")
        push.image("old", layers=4, created="2024-01-01T00:00:00Z")
        push.image("alias", layers=4, created="2024-01-01T00:00:00Z")
        push.index([one, two], "first")
        push.index([two, three], "second")


def connect(address: str, **options: Any) -> rf.Registry:
    return rf.Registry(address, progress=False, **options)


def tags(registry: RegistryServer, repository: str = "app") -> set[str]:
    return set(skopeo(registry, "list-tags", repository)["Tags"] or [])


def outcomes(frame: pd.DataFrame) -> dict[str, str]:
    named = frame[frame["tag"].notna()]
    return dict(zip(named["tag"], named["outcome"].astype(str), strict=True))


def test_a_plan_deletes_nothing_and_says_what_would_go(filled: RegistryServer) -> None:
    plan = connect(filled.address).delete(["app:first", "app:old"])
    assert tags(filled) == {"1.0", "old", "alias", "first", "second"}
    assert outcomes(plan) == {"first": "would go", "old": "left"}
    left = plan.set_index("tag").loc["old"]
    assert left["shared_with"] == "alias"
    assert "alias" in left["reason"]
    # The index alone: one of its images has a tag, and another index that stays names the other.
    assert len(plan) == 2
    assert plan["allowed"].all()


def test_what_goes_is_gone_and_what_stays_is_whole(filled: RegistryServer) -> None:
    registry = connect(filled.address)
    before = {tag: skopeo(filled, "inspect", f"app:{tag}", "--raw") for tag in ("1.0", "second")}
    done = registry.delete(["app:first", "app:old", "app:alias"], dry_run=False)
    assert outcomes(done) == {"first": "deleted", "old": "deleted", "alias": "deleted"}
    assert tags(filled) == {"1.0", "second"}
    assert before == {tag: skopeo(filled, "inspect", f"app:{tag}", "--raw") for tag in before}
    for entry in before["second"]["manifests"]:
        skopeo(filled, "inspect", f"app@{entry['digest']}", "--config")
    assert done["freed"].sum() > 0


def test_the_images_of_a_deleted_index_go_after_it(filled: RegistryServer) -> None:
    done = connect(filled.address).delete(["app:first", "app:second"], dry_run=False)
    assert list(done["outcome"]) == ["deleted"] * 4
    assert list(done["kind"]) == ["index", "index", "manifest", "manifest"]
    skopeo(filled, "inspect", "app:1.0")


def test_an_image_goes_after_the_index_that_names_it(filled: RegistryServer) -> None:
    with pushing(filled, "app") as push:
        image = push.image("a", layers=7)
        index = push.index([image], "z")
    with start_front(filled) as front:
        front.refused[f"DELETE .*{index['digest']}"] = 409
        done = connect(front.address).delete(["app:a", "app:z"], dry_run=False)
    assert outcomes(done) == {"z": "failed", "a": "left"}
    assert "the index of z" in done.set_index("tag").loc["a", "reason"]
    skopeo(filled, "inspect", "app:z")


def test_a_tag_that_moves_at_the_last_moment_keeps_what_it_names_then(filled: RegistryServer) -> None:
    registry = connect(filled.address)
    with pushing(filled, "app") as push, start_front(filled) as front:
        image = push.image("last", layers=7)
        front.before_first["DELETE "] = lambda: push.index([image], "first") and None
        done = connect(front.address).delete(["app:first", "app:last"], dry_run=False)
    assert outcomes(done) == {"first": "left", "last": "left"}
    assert image["digest"] in set(registry.images("app:first")["digest"])


def test_skopeo_deletes_first(filled: RegistryServer) -> None:
    registry = connect(filled.address)
    images = registry.images("app:first")
    run(needs("skopeo"), "delete", "--tls-verify=false", f"docker://{filled.address}/app:first")
    assert set(outcomes(registry.delete(images, dry_run=False)).values()) == {"gone"}


def test_a_tag_that_moved_since_is_left_unless_told(filled: RegistryServer) -> None:
    registry = connect(filled.address)
    images = registry.images("app:first")
    registry.tag("app:second", "first")
    assert outcomes(registry.delete(images, dry_run=False)) == {"first": "left"}
    assert "first" in tags(filled)
    assert outcomes(registry.delete(images, even_if_moved=True)) == {"first": "left"}  # second shares its digest now
    registry.tag("app:1.0", "first")
    registry.delete("app:1.0", dry_run=False)
    with pushing(filled, "app") as push:
        push.image("first", layers=6)
    assert outcomes(registry.delete(images, dry_run=False, even_if_moved=True)) == {"first": "deleted"}
    assert "first" not in tags(filled)


def test_a_tag_that_leads_to_nothing_holds_nothing_up(filled: RegistryServer) -> None:
    with start_front(filled) as front:
        front.refused["(GET|HEAD) .*/manifests/alias$"] = 404
        with pytest.warns(rf.RegframeWarning):
            assert outcomes(connect(front.address).delete("app:first")) == {"first": "would go"}
        front.refused["(GET|HEAD) .*/manifests/alias$"] = 403
        with pytest.warns(rf.RegframeWarning):
            assert outcomes(connect(front.address).delete("app:first")) == {"first": "left"}


def test_a_frame_of_layers_says_which_tags_go(filled: RegistryServer) -> None:
    registry = connect(filled.address)
    layers = registry.layers("app:second")
    assert outcomes(registry.delete(layers)) == {"second": "would go"}
    other = layers.assign(digest=registry.images("app:1.0")["digest"].item())
    assert outcomes(registry.delete(pd.concat([layers, other]))) == {"second": "left"}


def test_a_row_that_lost_its_tag_is_no_repository(filled: RegistryServer) -> None:
    registry = connect(filled.address)
    with pytest.raises(rf.InvalidReference, match="no tag or digest"):
        registry.delete(registry.images("app").assign(tag=None, digest=None, index_digest=None))
    with pytest.raises(rf.InvalidReference, match="no digest"):
        registry.delete(registry.delete("app").assign(digest=None), dry_run=False)


def test_only_false_deletes_and_a_plan_comes_back_whole(filled: RegistryServer) -> None:
    registry = connect(filled.address)
    plan = registry.delete(["app:first", "app:old"])
    for dry_run in (None, 0, "no"):
        assert "deleted" not in set(registry.delete(plan, dry_run))  # type: ignore[arg-type]
        assert "first" in tags(filled)
    done = registry.delete(plan, dry_run=False)
    assert outcomes(done) == {"first": "deleted", "old": "left"}
    assert done.dtypes.astype("str").to_dict() == plan.dtypes.astype("str").to_dict()


def test_deleting_that_is_switched_off_is_said_before_anything_is_tried(tmp_path: Path) -> None:
    with start_registry(tmp_path) as server:
        fill(server)
        with start_front(server) as front:
            registry = connect(front.address)
            plan = registry.delete("app:1.0")
            assert not plan["allowed"].any()
            with pytest.raises(rf.Unsupported, match="does not allow deleting"):
                registry.delete("app", dry_run=False)
            digests = set(registry.tags(resolve=True)["digest"])
            deleted = [request for request in front.requests if request.startswith("DELETE")]
            assert not any(name in request for request in deleted for name in (*tags(server), *digests))


def test_a_user_who_may_only_read_is_told_so(
    tmp_path: Path, certificate: Certificate, token_server: TokenServer
) -> None:
    with start_registry(tmp_path) as server:
        fill(server)
    # docker-registry names the actions that it wants in any order.
    orders = [order for length in (1, 2, 3) for order in permutations(("pull", "push", "delete"), length)]
    token_server.withheld |= {f"repository:app:{','.join(order)}" for order in orders if order != ("pull",)}
    with start_registry(tmp_path, tls=certificate, token=token_server, delete=True) as server:
        registry = connect(server.address, username=server.username, password=server.password, ca=str(server.ca))
        plan = registry.delete("app:1.0")
        assert list(plan["outcome"]) == ["left"]
        with pytest.raises(rf.CredentialsRefused, match="does not let this user delete"):
            registry.delete("app:1.0", dry_run=False)
        with pytest.raises(rf.CredentialsRefused, match="does not let this user push"):
            registry.tag("app:1.0", "stable")
        assert registry.tags("app")["tag"].tolist() == ["1.0", "alias", "first", "old", "second"]


def test_an_interrupt_stops_after_the_request_under_way_and_gives_the_frame(
    filled: RegistryServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with start_front(filled) as front:
        registry = connect(front.address)
        plan = registry.delete(["app:first", "app:1.0"])
        target = plan[plan["tag"] == "first"]["digest"].item()
        front.held = f"DELETE .*{target}"

        stop = rf.AsyncRegistry.stop

        def stopped(reader: rf.AsyncRegistry) -> bool:
            is_stopping = stop(reader)
            front.release()
            return is_stopping

        def interrupt() -> None:
            front.is_holding.wait(20)
            os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(rf.AsyncRegistry, "stop", stopped)
        thread = threading.Thread(target=interrupt)
        thread.start()
        done = registry.delete(["app:first", "app:1.0"], dry_run=False)
        thread.join()
    assert outcomes(done) == {"first": "deleted", "1.0": "not tried"}
    assert tags(filled) == {"1.0", "old", "alias", "second"}


def test_a_tag_is_byte_for_byte_what_it_is_made_from(filled: RegistryServer) -> None:
    registry = connect(filled.address)
    for reference in ("first", "old"):
        pushed = registry.tag(f"app:{reference}", "stable")
        raw = [run(needs("skopeo"), "inspect", "--raw", "--tls-verify=false", f"docker://{filled.address}/app:{tag}")
               for tag in (reference, "stable")]  # fmt: skip
        assert raw[0] == raw[1]
        assert pushed["digest"] == registry.tags(f"app:{reference}", resolve=True)["digest"].item()
    assert pd.notna(pushed["replaced"])


def test_a_manifest_that_is_pushed_is_what_is_read(filled: RegistryServer) -> None:
    registry = connect(filled.address)
    document = registry.manifest("app:first") | {"annotations": {"made": "here"}}
    pushed = registry.push_manifest("app", "annotated", document)
    assert skopeo(filled, "inspect", "app:annotated", "--raw") == document
    assert registry.push_manifest("app", pushed["digest"], json.dumps(document, separators=(",", ":")))["digest"]
    with pytest.raises(rf.DigestMismatch):
        registry.push_manifest("app", pushed["digest"], document | {"annotations": {}})
    lacking = {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": f"sha256:{'1' * 64}", "size": 1}
    image = registry.manifest("app:1.0")
    with pytest.raises(rf.RegistryError, match="app lacks a blob or a manifest that it names"):
        registry.push_manifest("app", "broken", image | {"layers": [lacking]})


def test_a_blob_that_is_needed_is_left(filled: RegistryServer) -> None:
    registry = connect(filled.address)
    needed = registry.manifest("app:1.0")["config"]["digest"]
    assert list(registry.delete_blob("app", needed, dry_run=False)["outcome"]) == ["left"]
    with pushing(filled, "app") as push:
        spare = push.blob(b"needed by nothing", "text/plain")["digest"]
    assert list(registry.delete_blob("app", spare)["outcome"]) == ["would go"]
    assert list(registry.delete_blob("app", spare, dry_run=False)["outcome"]) == ["deleted"]
    with pytest.raises(rf.NotFound):
        registry.delete_blob("app", spare, dry_run=False)
    skopeo(filled, "inspect", "app:1.0")


def test_a_blob_of_a_repository_without_tags_goes_and_one_that_is_not_there_is_said_so(filled: RegistryServer) -> None:
    registry = connect(filled.address)
    with pushing(filled, "solo") as push:
        only = push.blob(b"without a manifest", "text/plain")["digest"]
    assert list(registry.delete_blob("solo", only, dry_run=False)["outcome"]) == ["deleted"]
    with pytest.raises(rf.NotFound, match="no blob"):
        registry.delete_blob("app", only)
    assert registry.untagged().empty


def test_releases_say_which_tags_go(filled: RegistryServer) -> None:
    registry = connect(filled.address)
    releases = rf.releases(registry.images("app:second"))
    assert outcomes(registry.delete(releases)) == {"second": "would go"}


def test_no_reading_call_asks_for_a_change(filled: RegistryServer, tmp_path: Path) -> None:
    changing = {"delete", "delete_blob", "tag", "push_manifest"}
    public = {name for name, call in vars(rf.Registry).items() if callable(call) and not name.startswith("_")}
    layout = f"oci:{tmp_path / 'layout'}"
    with start_front(filled) as front:
        registry = connect(f"{front.address}/app:1.0")
        run("skopeo", "copy", "--src-tls-verify=false", f"docker://{filled.address}/app:1.0", f"{layout}:app:1.0")
        arguments: dict[str, list[str]] = {"pulled": [layout]}
        for name in sorted(public - changing):
            getattr(registry, name)(*arguments.get(name, []))
        registry.tags("app", resolve=True)
        registry.layers(uncompressed=True)
        registry.inventory(output=tmp_path / "inventory")
        rf.compare(registry, rf.Registry(layout, progress=False))
        explorer = rf.explore(rf.Registry(front.address, progress=False))
        explorer.repository_picker.wait()
        explorer.repository_picker.value = "app"
        explorer.tag_picker.wait()
        explorer.load()
        assert explorer.wait() is not None
        assert len(front.requests) > 10
        assert {request.partition(" ")[0] for request in front.requests} <= {"GET", "HEAD"}


def test_one_module_holds_the_words_that_change_a_registry() -> None:
    package = Path(rf.__file__).parent
    said = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if re.search(r'(?<!requests\[)"(PUT|POST|PATCH|DELETE)"', path.read_text(encoding="utf-8"))
    }
    # A token server is asked by POST, which is no request to the registry.
    assert said == {"sources/writing.py", "sources/transport.py"}
    transport = (package / "sources/transport.py").read_text(encoding="utf-8")
    assert re.findall(r'"(PUT|POST|PATCH|DELETE)"', transport) == ["POST"]
    callers = [path for path in package.rglob("*.py") if "_transport.write(" in path.read_text(encoding="utf-8")]
    assert [path.name for path in callers] == ["writing.py"]

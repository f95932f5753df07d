"""The pickers, driven from Python as a notebook's cell would."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from ipywidgets.embed import dependency_state
from pandas.testing import assert_frame_equal

import regframe as rf
from regframe import demo
from tests.parts.emulated_registry import EmulatedRegistry, error, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.parts import Certificate, Front


class TestRegistryPicker:
    def test_it_offers_what_this_person_knows(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        logins = tmp_path / "auth.json"
        auth = base64.b64encode(b"me:hunter2").decode()
        logins.write_text(json.dumps({"auths": {"quay.io": {"auth": auth}, "https://index.docker.io/v1/": {}}}))
        monkeypatch.setenv("REGISTRY_AUTH_FILE", str(logins))
        monkeypatch.setenv("REGFRAME_REGISTRIES", "registry.example:5000, quay.io")
        monkeypatch.setenv("DOCKER_HOST", "tcp://localhost:1")
        offered = list(rf.RegistryPicker().known.options)
        assert offered[:4] == ["registry.example:5000", "quay.io", "docker.io", "the sample registry"]
        assert "docker-daemon:" in offered
        assert "hunter2" not in str(offered)

    def test_connect_says_whether_it_worked(self, front: Front, certificate: Certificate) -> None:
        picker = rf.RegistryPicker(front.address)
        picker.ca.value = str(certificate.certificate)
        picker.username.value = demo.USERNAME
        picker.password.value = "wrong"
        picker.connect_button.click()
        assert picker.wait() is None
        assert "does not accept this user name and password" in picker.status.text
        picker.password.value = demo.PASSWORD
        picker.connect_button.click()
        found = picker.wait()
        assert found is not None
        assert picker.registry is found
        assert picker.status.text.startswith(f"Connected to {front.address}, registry/2.0")
        assert "logged in by user and password" in picker.status.text
        assert "httpd" in set(found.repositories()["repository"])

    def test_a_certificate_that_is_not_believed_is_a_sentence(self, front: Front) -> None:
        picker = rf.RegistryPicker(front.address)
        picker.connect()
        assert picker.wait() is None
        assert "certificate" in picker.status.text
        assert "Traceback" not in picker.status.text

    @pytest.mark.parametrize("target", ["not a registry", "", "localhost:1"])
    def test_what_is_no_registry_is_a_sentence(self, target: str) -> None:
        picker = rf.RegistryPicker(target)
        picker.connect()
        assert picker.wait() is None
        assert picker.status.text

    def test_the_password_is_in_no_state_and_no_repr(self, front: Front, certificate: Certificate) -> None:
        picker = rf.RegistryPicker(front.address)
        picker.ca.value = str(certificate.certificate)
        picker.username.value = demo.USERNAME
        picker.password.value = demo.PASSWORD
        before = json.dumps(dependency_state([picker]))
        picker.connect()
        assert picker.wait() is not None
        shown = [before, json.dumps(dependency_state([picker])), repr(picker), repr(picker.registry)]
        assert not any(demo.PASSWORD in text for text in shown)

    def test_a_password_is_kept_until_connect_has_worked(self, front: Front, certificate: Certificate) -> None:
        picker = rf.RegistryPicker(front.address)
        picker.ca.value, picker.username.value = str(certificate.certificate), demo.USERNAME
        picker.password.value = demo.PASSWORD
        front.held = "/v2/$"
        picker.connect()
        assert front.is_holding.wait(30)
        picker.connect()
        front.release()
        assert picker.wait() is not None
        assert picker.password.placeholder == ""

    def test_a_password_without_a_user_is_a_sentence(self, front: Front, certificate: Certificate) -> None:
        picker = rf.RegistryPicker(front.address)
        picker.ca.value, picker.password.value = str(certificate.certificate), demo.PASSWORD
        picker.connect()
        assert picker.wait() is None
        assert "give both" in picker.status.text

    def test_a_login_that_is_not_asked_for_is_not_sent(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
        picker = rf.RegistryPicker()
        picker.username.value, picker.ca.value = "me", "no.crt"
        picker.value = "docker-daemon:"
        assert picker.code() == ["import regframe as rf", "", "registry = rf.Registry('docker-daemon:')"]
        picker.connect()
        picker.wait()
        assert "user name" not in picker.status.text


class TestRepositoryPicker:
    def test_search_is_by_a_part_or_a_glob(self, registry: rf.Registry) -> None:
        picker = rf.RepositoryPicker(registry)
        picker.wait()
        names = list(registry.repositories()["repository"])
        assert list(picker.matches.options) == names
        picker.search.value = "HTT"
        assert list(picker.matches.options) == ["httpd"]
        assert picker.status.text == f"1 of {len(names)} repositories."
        picker.search.value = "*y*"
        assert list(picker.matches.options) == [name for name in names if "y" in name]

    def test_what_is_chosen_stays_while_one_searches_on(self, registry: rf.Registry) -> None:
        picker = rf.RepositoryPicker(registry, ["team/app", "team/base", "other"])
        heard: list[list[str]] = []
        picker.on_choice(heard.append)
        picker.search.value = "app"
        picker.matches.value = ["team/app"]
        picker.search.value = "oth"
        picker.matches.value = ["other"]
        assert picker.value == ("team/app", "other")
        assert picker.selection == ["team/app", "other"]
        assert list(picker.frame["repository"]) == ["team/app", "other"]
        assert heard == [["team/app"], ["team/app", "other"]]
        picker.clear_button.click()
        assert picker.value == ()
        picker.search.value = "team/*"
        picker.all_button.click()
        assert picker.value == ("team/app", "team/base")
        assert picker.matches.value == ("team/app", "team/base")

    def test_setting_it_checks_the_name(self, registry: rf.Registry) -> None:
        picker = rf.RepositoryPicker(registry, ["app"])
        picker.value = "app"
        assert picker.value == ("app",)
        with pytest.raises(rf.InvalidReference, match="no repository “ap”"):
            picker.value = ["ap"]

    def test_of_many_the_first_are_shown(self, registry: rf.Registry) -> None:
        names = [f"team-{number % 100}/app-{number}" for number in range(50_000)]
        picker = rf.RepositoryPicker(registry, names)
        assert list(picker.matches.options) == names[:50]
        assert picker.status.text == "50,000 repositories, the first 50 are shown."
        picker.search.value = "app-4999"
        assert len(picker.matches.options) == 11
        assert picker.status.text == "11 of 50,000 repositories."

    def test_without_a_catalog_a_name_is_typed(self) -> None:
        emulated = EmulatedRegistry()
        emulated.image()
        emulated.override("/v2/_catalog", lambda request: error(404, "UNSUPPORTED", "no catalog here"))
        with serving(emulated):
            picker = rf.RepositoryPicker(rf.Registry(emulated.address, progress=False))
            picker.wait()
            assert "Type a whole name" in picker.status.text
            picker.search.value = "app"
            picker.matches.value = ["app"]
            assert picker.selection == ["app"]

    def test_a_list_that_breaks_off_is_said_to_be_not_all(self) -> None:
        emulated = EmulatedRegistry()
        emulated.image()
        more = {"Link": '</v2/_catalog?last=app>; rel="next"'}
        emulated.override(
            "/v2/_catalog",
            lambda request: (
                error(403, "DENIED", "no more")
                if "last" in request.query
                else web.json_response({"repositories": ["app"]}, headers=more)
            ),
        )
        with serving(emulated):
            picker = rf.RepositoryPicker(rf.Registry(emulated.address, progress=False))
            picker.wait()
            assert picker.status.text.startswith("1 repository. Not all: localhost")
            picker.value = "team/other"
            assert picker.selection == ["team/other"]


class TestTagPicker:
    @pytest.fixture
    def picker(self, registry: rf.Registry) -> rf.TagPicker:
        picker = rf.TagPicker(registry, "httpd")
        picker.wait()
        return picker

    def test_all_are_meant_at_first(self, picker: rf.TagPicker, registry: rf.Registry) -> None:
        assert_frame_equal(picker.selection, registry.tags("httpd")[["repository", "tag"]])
        assert picker.references == ["httpd"]
        assert picker.status.text == "143 tags, the newest 50 are shown; all of them are meant."

    def test_a_glob_means_what_it_means_to_a_registry(self, picker: rf.TagPicker, registry: rf.Registry) -> None:
        picker.pattern.value = "2.4.6?-alpine"
        assert picker.references == ["httpd:2.4.6?-alpine"]
        assert_frame_equal(picker.selection, registry.tags("httpd:2.4.6?-alpine")[["repository", "tag"]])

    def test_a_range_of_versions_has_both_its_ends(self, picker: rf.TagPicker) -> None:
        picker.pattern.value = "2.4.??"
        picker.lowest.value, picker.highest.value = "2.4.62", "2.4.64"
        assert sorted(picker.selection["tag"]) == ["2.4.62", "2.4.63", "2.4.64"]
        picker.highest.value = ""
        assert set(picker.selection["tag"]) > {"2.4.65", "2.4.66"}
        picker.lowest.value, picker.highest.value = "", "2.4"
        assert {"2.4.62", "2.4.66"} < set(picker.selection["tag"])

    def test_the_newest_are_those_of_the_highest_versions(self, registry: rf.Registry) -> None:
        picker = rf.TagPicker(registry, ["httpd", "python"])
        picker.wait()
        picker.newest.value = 2
        assert picker.selection.groupby("repository").size().to_dict() == {"httpd": 2, "python": 2}
        picker.pattern.value = "2.4.*-alpine"
        assert picker.selection["tag"].tolist() == ["2.4.67-alpine", "2.4.68-alpine"]

    def test_what_is_no_version_comes_after_those(self, picker: rf.TagPicker) -> None:
        picker.newest.value = 5
        assert picker.selection["tag"].str.startswith("2.4.68").all()
        assert picker.matches.options[0][0].startswith("httpd:2.4.68")
        picker.pattern.value = "[!0-9]*"
        assert "latest" in set(picker.selection["tag"])

    def test_a_version_that_is_none_is_said(self, picker: rf.TagPicker) -> None:
        picker.lowest.value = "newest"
        assert "“newest” is no version" in picker.status.text
        picker.lowest.value = "2.4.60"
        assert "no version" not in picker.status.text
        picker.highest.value = "2.4.59"
        assert picker.status.text == "0 of 143 tags match; none is meant."

    def test_matches_are_added_to_what_is_chosen(self, picker: rf.TagPicker) -> None:
        picker.pattern.value = "2.4.62"
        picker.all_button.click()
        picker.pattern.value = "latest"
        picker.all_button.click()
        assert picker.value == ("httpd:2.4.62", "httpd:latest")

    def test_a_repository_that_fails_beside_others_is_told(self, registry: rf.Registry, front: Front) -> None:
        front.refused["/v2/python/tags"] = 403
        picker = rf.TagPicker(registry, ["httpd", "python"])
        picker.wait()
        assert "143 tags" in picker.status.text
        assert "Not all: " in picker.status.text
        assert "python" in picker.status.text

    def test_they_are_chosen_one_by_one(self, picker: rf.TagPicker) -> None:
        picker.value = ["httpd:2.4.62", "httpd:2-alpine"]
        assert picker.selection.to_numpy().tolist() == [["httpd", "2.4.62"], ["httpd", "2-alpine"]]
        assert picker.references == ["httpd:2.4.62", "httpd:2-alpine"]
        assert "2 chosen" in picker.status.text
        with pytest.raises(rf.InvalidReference, match="no tag “httpd:absent”"):
            picker.value = "httpd:absent"
        picker.clear_button.click()
        assert picker.value == ()
        assert len(picker.selection) == 143

    def test_a_repository_that_is_not_there_is_a_sentence(self, registry: rf.Registry) -> None:
        picker = rf.TagPicker(registry, "absent")
        picker.wait()
        assert "absent" in picker.status.text
        assert picker.selection.empty

    def test_a_newer_choice_wins_over_one_under_way(self, registry: rf.Registry, front: Front) -> None:
        front.held = "/v2/python/tags"
        picker = rf.TagPicker(registry, "python")
        assert front.is_holding.wait(30)
        began = time.monotonic()
        picker.show("httpd")
        picker.wait()
        assert time.monotonic() - began < 30
        front.release()
        assert set(picker.selection["repository"]) == {"httpd"}

"""The site with its figures, for staff alone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from feedback.domain.staff import Role
from feedback.publish.build import place_of, staff_tree
from feedback.web import create_app
from tests.conftest import Loop
from tests.web.test_desk import CHEAP_HASH, logged_in


@pytest.fixture
def make_app(make_loop: Callable[..., Loop]) -> Callable[[str], tuple[Loop, Flask]]:
    """The service by who sees the figures, with somebody who may log in."""

    def make(figures: str) -> tuple[Loop, Flask]:
        loop = make_loop(figures=figures)
        with loop.store.write():
            loop.store.staff.add("abel@acme.example", "Abel", CHEAP_HASH, Role.AGENT, ("Hardware",))
        return loop, create_app(loop.config, loop.store, loop.keys)

    return make


def lay_out(loop: Loop, name: str = "build-1") -> Path:
    """A public build and the one for staff beside it."""
    build = place_of(loop.config) / name
    for tree, words in ((build, "public"), (staff_tree(build), "figures")):
        (tree / "connect").mkdir(parents=True)
        (tree / "index.html").write_text(words)
        (tree / "404.html").write_text(f"no {words}")
        (tree / "connect" / "index.html").write_text(f"connect {words}")
        (tree / "csp.txt").write_text(f"default-src 'none'; script-src 'sha256-{words}'\n")
    link = build.with_name("current")
    link.unlink(missing_ok=True)
    link.symlink_to(name)
    return build


def test_whoever_works_here_reads_the_site_with_its_figures(make_app: Callable[[str], tuple[Loop, Flask]]) -> None:
    loop, app = make_app("staff")
    lay_out(loop)
    abel = logged_in(app, "abel")
    home = abel.get("/desk/site/", buffered=True)
    assert (home.status_code, home.text) == (200, "figures")
    assert home.headers["Content-Security-Policy"] == "default-src 'none'; script-src 'sha256-figures'"
    assert home.headers["Cache-Control"] == "private, no-cache"
    assert abel.get("/desk/site/connect/", buffered=True).text == "connect figures"
    assert abel.get("/desk/site/connect", buffered=True).headers["Location"] == "/desk/site/connect/"
    missing = abel.get("/desk/site/nowhere/", buffered=True)
    assert (missing.status_code, missing.text) == (404, "no figures")
    again = abel.get("/desk/site/", headers={"If-None-Match": home.headers["ETag"]}, buffered=True)
    assert (again.status_code, again.headers["Cache-Control"]) == (304, "private, no-cache")
    lay_out(loop, "build-2")
    assert ">Site</a>" in abel.get("/desk/").text


@pytest.mark.parametrize("path", ["", "index.html", "connect/", "csp.txt", "nowhere", "../../site/current/index.html"])
def test_nobody_else_reads_a_file_of_it(make_app: Callable[[str], tuple[Loop, Flask]], path: str) -> None:
    loop, app = make_app("staff")
    lay_out(loop)
    answer = app.test_client().get(f"/desk/site/{path}", buffered=True)
    assert answer.status_code in (303, 404)
    assert "figures" not in answer.text.replace("/desk/site", "")
    abel = logged_in(app, "abel")
    assert abel.get(f"/desk/site/{path}", buffered=True).status_code in (200, 404)
    with loop.store.write():
        loop.store.staff.set_password("abel@acme.example", CHEAP_HASH + "0")
    assert abel.get(f"/desk/site/{path}", buffered=True).status_code in (303, 404)


@pytest.mark.parametrize(
    "path", ["/staff-1/", "/..%2fstaff-1/index.html", "/../staff-1/index.html", "/%2e%2e/staff-1/"]
)
def test_the_public_site_leads_to_no_file_of_it(make_app: Callable[[str], tuple[Loop, Flask]], path: str) -> None:
    loop, app = make_app("staff")
    lay_out(loop)
    answer = app.test_client().get(path, buffered=True)
    assert answer.status_code == 404
    assert "figures" not in answer.text


@pytest.mark.parametrize("figures", ["public", "off"])
def test_there_is_none_where_the_figures_are_not_for_staff_alone(
    make_app: Callable[[str], tuple[Loop, Flask]], figures: str
) -> None:
    loop, app = make_app(figures)
    lay_out(loop)  # one from when it was set otherwise
    abel = logged_in(app, "abel")
    assert abel.get("/desk/site/").status_code == 404
    assert ">Figures</a>" not in abel.get("/desk/").text


def test_before_the_first_build_it_says_when_it_comes(make_app: Callable[[str], tuple[Loop, Flask]]) -> None:
    _, app = make_app("staff")
    answer = logged_in(app, "abel").get("/desk/site/connect/")
    assert answer.status_code == 404
    assert "The figures are not built yet" in answer.text

"""The demo as a stranger lives it, reading only what the pages say; and axe on every page that they meet."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import FEEDBACK, TORTURE, eventually, free_port
from tests.e2e.test_site import violations


@dataclass
class Demo:
    url: str
    output: Path

    def newest_build(self) -> str:
        return os.readlink(self.output.parent / "var-demo" / "var" / "site" / "current")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Demo]:
    """The real command; the browser comes first, so that without one nothing is built."""
    folder = tmp_path_factory.mktemp("demo")
    output = folder / "output.txt"
    port = free_port()
    with output.open("w") as file:
        process = subprocess.Popen([FEEDBACK, "demo", "--port", str(port)], cwd=folder, stdout=file, stderr=file)
    try:
        eventually(lambda: process.poll() is not None or "The demo is ready" in output.read_text(), within_s=90)
        assert process.poll() is None, output.read_text()
        yield Demo(f"http://127.0.0.1:{port}", output)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(20)


def test_a_stranger_lives_the_whole_loop_in_five_steps_without_javascript(demo: Demo, browser: Browser) -> None:
    page = browser.new_context(java_script_enabled=False, viewport={"width": 390, "height": 800}).new_page()
    page.goto(re.findall(r"http://\S+", demo.output.read_text())[0])
    assert "This is a demo. Its clock reads Tuesday" in page.inner_text("aside")
    before = answers_told(page)

    # 1, 2: the inbox, and one answer
    page.get_by_role("link", name="Open the inbox").click()
    assert page.get_by_role("link", name="Did we solve it?").count() >= 1
    assert len(set(page.locator(".rows h2").all_inner_texts())) > 3
    page.get_by_role("link", name="Back to the guide").click()
    page.get_by_role("link", name="Open a mail, to").click()
    page.frame_locator("iframe").get_by_role("link", name="No, something is still wrong").click()
    page.get_by_role("button", name="Send my answer: No").click()
    page.get_by_label("In your own words").fill("Two good cups, then it drips again.")
    page.get_by_role("button", name="Add this to my answer").click()
    page.get_by_role("link", name="The guide").click()
    assert "said no, today" in page.inner_text("#step-2")

    # 3: a day passes
    page.get_by_role("button", name="Let 24 hours pass").click()
    assert "24 hours have passed." in page.inner_text("#step-3 [role=status]")
    assert "Its clock reads Wednesday" in page.inner_text("aside")
    guide = page.inner_text("#step-4")
    page.locator("#step-2").get_by_role("link", name="Not solved:").click()
    assert "Two good cups, then it drips again." in page.inner_text("p.letter")

    # 4: a person acts
    page.frame_locator("iframe").get_by_role("link", name="All about it, at the desk").click()
    login = re.search(r"Log in as (\S+) with the password (.+?)\. ", guide)
    assert login is not None
    page.get_by_label("Your mail address").fill(login[1])
    page.get_by_label("Your password").fill(login[2])
    page.get_by_role("button", name="Log in").click()
    assert "Two good cups, then it drips again." in page.inner_text("blockquote")
    page.get_by_role("button", name="I take it").click()
    page.get_by_label("Call").check()
    page.get_by_label("Not solved", exact=True).check()
    page.get_by_label("What was said").fill("Asked for the colour of the ring.")
    page.get_by_role("button", name="Log it").click()
    page.get_by_role("group", name="How it ended").get_by_label("Solved", exact=True).check()
    page.get_by_label("What was done").fill("Sent a ring by express.")
    page.get_by_role("button", name="Close it").click()
    assert "Closed today" in page.inner_text("main")
    assert "Sent a ring by express." in page.inner_text("main")

    # 5: the site
    page.get_by_role("link", name="The guide").click()
    built = demo.newest_build()
    page.get_by_role("button", name="Build the site now").click()
    assert "The site was built." in page.inner_text("#step-5 [role=status]")
    assert demo.newest_build() != built
    assert [step for step in range(2, 6) if "Done" not in page.inner_text(f"#step-{step}")] == []
    now, _overnight, with_the_answer, at_first = answers_told(page)
    assert at_first == before[0]
    assert with_the_answer == at_first + 1
    page.get_by_role("link", name="Open the site").click()
    assert f"of {now} answers" in page.inner_text("main")
    assert "This is a demo. Its clock reads Wednesday" in page.inner_text("aside")
    page.context.close()


def answers_told(page: Page) -> list[int]:
    """How many answers the site spoke of with each build, by the guide, the newest first."""
    return [int(n) for n in re.findall(r"of (\d+) answers", page.inner_text("#step-5"))]


LOOKS: list[tuple[int, Literal["light", "dark"]]] = [(390, "dark"), (1280, "light")]
OTHER_LOOKS: list[tuple[int, Literal["light", "dark"]]] = [(390, "light"), (1280, "dark")]


@pytest.mark.torture
@pytest.mark.parametrize(("width", "scheme"), LOOKS + OTHER_LOOKS if TORTURE else LOOKS)
def test_axe_finds_nothing_on_any_page(
    demo: Demo, browser: Browser, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 860}, color_scheme=scheme)
    page = context.new_page()
    found = []
    for name in every_page(page, demo.url):
        page.wait_for_load_state("load")  # frames too, or axe meets one that is nothing yet
        found += [f"{name}: {one}" for one in violations(page)]
    assert found == []
    context.close()


def every_page(page: Page, url: str) -> Iterator[str]:
    """Visit each page of the demo, and each state of the customer's page; name it when it is there."""
    for path in ("/demo/", "/demo/mail/", "/", "/connect/", "/figures/", "/nothing-here", "/demo/nothing-here"):
        page.goto(url + path)
        yield path
    page.goto(f"{url}/demo/mail/")
    page.get_by_role("link", name="Did we solve it?").last.click()
    yield "a mail"
    letter = page.frame_locator("iframe")
    opt_out = letter.get_by_role("link", name="Never ask me again").get_attribute("href")
    assert opt_out is not None
    letter.get_by_role("link", name="No, something is still wrong").click()
    expect(page.get_by_role("heading", name="Did we solve it?")).to_be_visible()
    yield "the question"
    page.get_by_role("button", name="Send my answer").click()
    yield "thanks"
    page.get_by_label("In your own words").fill("x" * 5001)
    page.get_by_role("button", name=re.compile("Add this to my answer|Save the change")).click()
    yield "thanks, with an error"
    page.goto(opt_out)
    yield "opting out"
    yield from every_desk_page(page, url)


SEARCHES = ("search", "search?words=the", "search?words=nothing-fits", "search?words=%25")


def every_desk_page(page: Page, url: str) -> Iterator[str]:
    page.goto(f"{url}/desk/")
    yield "logging in"
    page.get_by_label("Your mail address").fill("mara@brightwell.example")
    page.get_by_label("Your password").fill("not it")
    page.get_by_role("button", name="Log in").click()
    yield "logging in, refused"
    page.get_by_label("Your password").fill("espresso every day")
    page.get_by_role("button", name="Log in").click()
    yield "to do"
    page.locator(".rows h2 a").first.click()
    yield "a follow-up"
    page.get_by_label("Call", exact=True).check()
    page.get_by_label("Not reached", exact=True).check()
    page.get_by_label("What was said").fill(" ")
    page.get_by_role("button", name="Log it").click()
    expect(page.get_by_role("alert")).to_be_visible()
    yield "a follow-up, with an error"
    page.locator(".known a[href*=cases]").click()
    yield "a case"
    for path in (
        "answers",
        "answers?choice=no",
        "cases",
        "cases?words=nothing-fits",
        "customers",
        "customers?words=nothing-fits",
        "quotes",
        "quotes?standing=approved",
        "figures",
        "faq",
        "outbox",
        "people",
        "audit",
        "privacy",
        "forgotten",
        "nothing-here",
        *SEARCHES,
    ):
        page.goto(f"{url}/desk/{path}")
        yield path
    page.goto(f"{url}/desk/customers")
    page.locator(".rows h2 a").first.click()
    yield "a customer"
    page.get_by_role("button", name="Hand it out, or erase it").click()
    expect(page.get_by_role("button", name="Erase all of this")).to_be_visible()
    yield "a person's data"
    page.goto(f"{url}/desk/people")
    page.get_by_label("Mail address").fill("jo@brightwell.example")
    page.get_by_label("Name, as colleagues").fill(" ")
    page.get_by_role("button", name="Send the invitation").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    yield "people, with an error"
    page.get_by_role("link", name="Jonas Weber").click()
    yield "a person"
    page.goto(f"{url}/desk/")
    page.get_by_role("link", name="Closed").click()
    yield "the closed ones"
    page.locator(".rows a").first.click()
    yield "a closed follow-up"
    for query in ("tab=mine&team=Nobody", "tab=unowned&stage=resolve&age=3"):
        page.goto(f"{url}/desk/?{query}")
        yield query

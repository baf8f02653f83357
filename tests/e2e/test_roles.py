"""From the alert mail to recovery, in a real browser: what an agent, a lead and an owner go through."""

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.message import EmailMessage

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect
from werkzeug.security import generate_password_hash
from werkzeug.serving import make_server

from feedback.domain.staff import Role
from feedback.loop.following_up import tell_of_overdue
from feedback.web import create_app
from tests.conftest import ADA, BRUNO, DAY, NOW, Loop, free_port, text_of
from tests.web.test_desk import PASSWORD

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NEW = "four plain words here"
SALES = replace(BRUNO, team="Sales", subject="Secret discount")


@dataclass
class Business:
    """A service on loopback by a clock of its own, its mails, and a browser window for each person."""

    loop: Loop
    browser: Browser
    url: str
    now: datetime

    def window(self, *, scripts: bool = False) -> Page:
        phone = ViewportSize(width=360, height=740)
        return self.browser.new_context(viewport=phone, java_script_enabled=scripts).new_page()

    def pass_time(self, span: timedelta) -> None:
        """The jobs do what is due by then."""
        self.now += span
        tell_of_overdue(self.loop.store, self.loop.config, self.now)
        self.loop.ask(self.now)
        self.loop.send(self.now)

    def mails_to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.loop.maildir() if mail["To"].lower() == address]

    def link(self, address: str, path: str) -> str:
        """The link in the newest mail to an address that leads to a path, on this service."""
        found = re.search(rf"https?://[^/\s]+({path}\S*)", text_of(self.mails_to(address)[-1]))
        assert found is not None, text_of(self.mails_to(address)[-1])
        return self.url + found[1]

    def answer(self, customer: str, choice: str) -> None:
        page = self.window()
        page.goto(self.link(customer, f"/s/[^/]+/{choice}"))
        page.get_by_role("button", name=re.compile("Send my answer")).click()
        page.context.close()

    def log_in(self, name: str, page: Page, password: str = PASSWORD) -> Page:
        page.get_by_label("Your mail address").fill(f"{name}@acme.example")
        page.get_by_label("Your password").fill(password)
        page.get_by_role("button", name="Log in").click()
        return page


@pytest.fixture
def business(make_loop: Callable[..., Loop], browser: Browser) -> Iterator[Business]:
    """Olga owns it, Lena leads Hardware, Abel works there; alerts go to a shared address and to Abel."""
    port = free_port()
    loop = make_loop(
        alert_to="care-team@acme.example", alert_to_by_team="Hardware:care-team@acme.example abel@acme.example",
        call_room="https://meet.acme.example/care",
    )  # fmt: skip
    password_hash = generate_password_hash(PASSWORD, "scrypt:1024:1:1")
    with loop.store.write():
        for name, role, teams in (("olga", Role.OWNER, ()), ("lena", Role.LEAD, ("Hardware",))):
            loop.store.staff.add(f"{name}@acme.example", name.title(), password_hash, role, teams)
        loop.store.staff.add("abel@acme.example", "Abel", password_hash, Role.AGENT, ("Hardware",))
    loop.take(replace(ADA, team="Hardware"), SALES)
    place = Business(loop, browser, f"http://127.0.0.1:{port}", NOW)
    server = make_server("127.0.0.1", port, create_app(loop.config, loop.store, loop.keys, lambda: place.now))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    place.pass_time(DAY)
    yield place
    server.shutdown()
    thread.join()


def test_an_agent_takes_it_with_one_touch_helps_and_the_customer_agrees(business: Business) -> None:
    business.answer("ada@example.org", "no")
    business.pass_time(MINUTE)
    phone = business.window()
    phone.goto(business.link("abel@acme.example", "/t/"))
    phone.get_by_role("button", name="I take it").click()
    expect(phone.get_by_text("You have it.")).to_be_visible()

    phone.goto(business.link("abel@acme.example", "/desk/follow-ups/"))
    business.log_in("abel", phone)
    expect(phone.get_by_text("yours")).to_be_visible()
    said = phone.get_by_role("form", name="You were in touch")
    said.get_by_label("Call").check()
    said.get_by_label("Solved", exact=True).check()
    said.get_by_label("What was said").fill("Went through it together; page two prints.")
    said.get_by_role("button", name="Log it").click()
    done = phone.get_by_role("form", name="It is done")
    done.get_by_label("Solved", exact=True).check()
    done.get_by_label("What was done").fill("Went through it together; page two prints.")
    done.get_by_role("button", name="Close it").click()
    expect(phone.get_by_text("Closed. ", exact=False).first).to_be_visible()

    business.pass_time(DAY)
    assert business.mails_to("ada@example.org")[-1]["Subject"].startswith("Is it solved now?")
    business.answer("ada@example.org", "yes")
    office = business.window()
    office.goto(f"{business.url}/desk/figures")
    business.log_in("olga", office)
    expect(
        office.get_by_text("Of 1 follow-up closed as solved, 1 was asked about again, and 1 answered")
    ).to_be_visible()

    phone.goto(f"{business.url}/desk/answers")  # agents do not see them
    expect(phone.get_by_text("This page is for people with another role.")).to_be_visible()
    phone.goto(f"{business.url}/desk/search?words=discount")  # nor what is another team's
    expect(phone.get_by_text("Nothing has all of these words")).to_be_visible()


def test_a_lead_hears_of_what_lies_takes_it_over_and_calls_when_two_contacts_did_not_help(business: Business) -> None:
    business.answer("ada@example.org", "no")
    business.pass_time(MINUTE)
    phone = business.window()
    phone.goto(business.link("abel@acme.example", "/t/"))
    phone.get_by_role("button", name="I take it").click()
    business.pass_time(DAY)
    assert business.mails_to("abel@acme.example")[-1]["Subject"].startswith("Overdue")
    assert business.mails_to("lena@acme.example") == []
    business.pass_time(DAY)
    assert business.mails_to("lena@acme.example")[-1]["Subject"].startswith("Overdue")

    lena = business.window()
    lena.goto(business.link("lena@acme.example", "/desk/follow-ups/"))
    business.log_in("lena", lena)
    lena.get_by_role("button", name="I take it over").click()
    for _ in range(2):
        said = lena.get_by_role("form", name="You were in touch")
        said.get_by_label("Mail").check()
        said.get_by_label("Not solved").check()
        said.get_by_label("What was said").fill("Wrote how to align the tray.")
        said.get_by_role("button", name="Log it").click()
        business.now += 2 * HOUR
    expect(lena.get_by_text("Escalated: talk to them now")).to_be_visible()
    expect(lena.get_by_role("link", name="The call room")).to_have_attribute("href", "https://meet.acme.example/care")

    phone.reload()  # Abel's link is no use any more: Lena has it
    expect(phone.get_by_text("This link has ended")).to_be_visible()
    done = lena.get_by_role("form", name="It is done")
    done.get_by_label("Not solvable").check()
    done.get_by_label("What was done").fill("That model cannot; told them which one can.")
    done.get_by_role("button", name="Close it").click()
    expect(lena.get_by_text("Not solvable").first).to_be_visible()
    business.pass_time(2 * DAY)
    assert len(business.mails_to("ada@example.org")) == 1  # nobody asks again what was not solved


def test_an_owner_comes_from_a_shared_address_and_a_second_no_comes_back_escalated(business: Business) -> None:
    business.answer("bruno@example.org", "no")
    business.pass_time(MINUTE)
    olga = business.window()
    olga.goto(business.link("care-team@acme.example", "/desk/follow-ups/"))
    expect(olga.get_by_role("heading", name="Log in to the desk")).to_be_visible()
    business.log_in("olga", olga)
    done = olga.get_by_role("form", name="It is done")
    done.get_by_label("Solved", exact=True).check()
    done.get_by_label("What was done").fill("Sent the right price.")
    done.get_by_role("button", name="Close it").click()
    business.pass_time(DAY)
    business.answer("bruno@example.org", "no")
    business.pass_time(MINUTE)
    olga.goto(business.link("olga@acme.example", "/t/"))
    expect(olga.get_by_text("Escalated: talk to them now")).to_be_visible()
    olga.get_by_label("A note, if you called").fill("Called: the code works now.")
    olga.get_by_role("button", name="I called: solved").click()
    expect(olga.get_by_role("heading", name="Noted")).to_be_visible()
    business.pass_time(5 * DAY)
    assert len(business.mails_to("bruno@example.org")) == 2  # there is no third round

    olga.goto(f"{business.url}/desk/audit")
    expect(olga.get_by_text("Olga closed a follow-up").first).to_be_visible()


def test_an_owner_lets_somebody_in_who_sets_a_password_and_helps(business: Business) -> None:
    olga = business.window()
    olga.goto(f"{business.url}/desk/people")
    business.log_in("olga", olga)
    olga.get_by_label("Mail address").fill("sven@acme.example")
    olga.get_by_label("Name, as colleagues").fill("Sven")
    olga.get_by_label("Agent:", exact=False).check()
    olga.get_by_label("Sales").check()
    olga.get_by_role("button", name="Send the invitation").click()
    expect(olga.get_by_text("Sven gets a mail with a link to set a password.")).to_be_visible()

    business.answer("bruno@example.org", "no")
    business.pass_time(MINUTE)
    sven = business.window(scripts=True)
    sven.goto(business.link("sven@acme.example", "/t/password/"))
    assert Axe().run(sven).response["violations"] == []
    sven.get_by_label("The new password").fill(NEW)
    sven.get_by_label("The same again").fill(NEW)
    sven.get_by_role("button", name="Keep it").click()
    sven.get_by_role("link", name="To the desk").click()
    business.log_in("sven", sven, NEW)
    sven.get_by_role("button", name="I take it").click()
    expect(sven.get_by_text("yours").first).to_be_visible()

    olga.get_by_role("link", name="Sven").click()
    olga.get_by_role("button", name="Lock Sven out").click()
    sven.reload()
    expect(sven.get_by_role("heading", name="Log in to the desk")).to_be_visible()
    business.pass_time(MINUTE)
    assert len(business.mails_to("care-team@acme.example")) == 2  # what Sven had is told again

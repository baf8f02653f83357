"""The whole story: a help desk's export goes in, and the published page shows what customers said of it."""

import csv
import html
import re
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser

from tests.conftest import MailServer, Workplace, text_of

NAMES = ("Ada", "Bruno", "Chioma", "Dmitri", "Elif", "Farid", "Grace", "Hana", "Ines", "Jonas", "Kaito", "Lena")
SILENT = ("Kaito", "Lena")
COMMENT = "It jams again on page two.\nThe <b>same</b> page as before."


def test_from_the_help_desks_export_to_the_number_on_the_published_page(
    workplace: Workplace, mail_server: MailServer, browser: Browser
) -> None:
    workplace.environment["FEEDBACK_MAIL"] = mail_server.url
    write_export(workplace.folder / "export.csv")
    assert "Cases: 12 created; 0 rows refused." in workplace.feedback("import", "cases", "export.csv")

    # A resolution of this minute is not asked about yet; a day later it is.
    workplace.feedback("tick")
    assert mail_server.received == []
    workplace.feedback("tick", "--at", "+25h")
    assert sorted(recipient for recipient, _ in mail_server.received) == [f"{n.lower()}@example.org" for n in NAMES]
    workplace.feedback("tick", "--at", "+25h")
    assert len(mail_server.received) == len(NAMES)

    # Ada says no, in a browser without JavaScript; nine others say yes, two say nothing.
    workplace.serve()
    links = {name: link_in(mail_server, name, "yes" if name != "Ada" else "no") for name in NAMES}
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(links["Ada"])
    assert page.get_by_role("heading", level=1).inner_text() == "Did we solve it?"
    page.get_by_role("button", name="Send my answer: No").click()
    page.get_by_label("In your own words").fill(COMMENT)
    page.get_by_role("button", name="Add this to my answer").click()
    assert "We have what you wrote" in page.inner_text("main")
    yes = [name for name in NAMES if name != "Ada" and name not in SILENT]
    for name in yes:
        status, body = workplace.post(links[name].removesuffix("/yes"), {"choice": "yes"})
        assert (status, "Thank you, good to hear" in body) == (200, True)

    # A person hears of it in the customer's words, acts, and closes the follow-up.
    workplace.feedback("tick", "--at", "+26h")
    (alert,) = mail_server.to("mara@acme.example")
    assert alert["Subject"] == "Not solved: Ada — Request of Ada"
    assert all(f"> {line}" in text_of(alert) for line in COMMENT.splitlines())
    assert "Ada <ada@example.org>: Request of Ada" in workplace.feedback("followups")
    close = re.search(r"/desk/follow-ups/(\S+)", text_of(alert))
    assert close is not None
    workplace.feedback("followups", "close", close[1], "--note", "Sent a new drum; Ada printed twenty pages.")
    assert "No follow-up is open" in workplace.feedback("followups")

    # The figure on the page is the one that follows from what was done here.
    workplace.feedback("publish", "--at", "+17d")  # by then their week is settled
    status, body = workplace.get("/figures/")
    text = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", body)))
    answered = len(yes) + 1
    low, high = wilson(len(yes), answered)
    solved = f"{round(100 * len(yes) / answered)} % solved ({low}–{high} %), {len(yes)} of {answered} answers"
    low, high = wilson(answered, len(NAMES))
    response = f"{round(100 * answered / len(NAMES))} % answered ({low}–{high} %), {answered} of {len(NAMES)}"
    assert status == 200
    assert solved in text
    assert response in text
    assert solved in re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", workplace.get("/")[1]))
    assert "jams" not in body


def write_export(path: Path) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "ref", "status", "resolved_at", "email", "name", "subject", "agent"])
        for number, name in enumerate(NAMES):
            address = f"{name.lower()}@example.org"
            writer.writerow(["shop", 1000 + number, "resolved", now, address, name, f"Request of {name}", "Mara"])


def link_in(mail_server: MailServer, name: str, choice: str) -> str:
    (message,) = mail_server.to(f"{name.lower()}@example.org")
    (link,) = re.findall(rf"^(http\S+/{choice})$", text_of(message), re.MULTILINE)
    assert urlsplit(link).hostname == "127.0.0.1"
    return str(link)


def wilson(count: int, n: int) -> tuple[int, int]:
    """The 95 % score interval in per cent, as the roots of the quadratic that defines it."""
    z = 1.96
    a, b, c = 1 + z * z / n, -(2 * count / n + z * z / n), (count / n) ** 2
    root = sqrt(b * b - 4 * a * c)
    return round(100 * (-b - root) / (2 * a)), round(100 * (-b + root) / (2 * a))

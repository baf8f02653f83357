import json
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import ADA, BRUNO, CHIOMA, DAY, NOW, MailServer, Workplace

AT = "2026-03-06T18:00:00Z"  # a Friday evening


@pytest.fixture
def place(workplace: Workplace) -> Workplace:
    """A file that was imported on the Friday: a customer with two cases, one who waits, one without an address."""
    workplace.environment["FEEDBACK_WINDOW"] = "Mon-Fri 09:00-18:00"
    cases = [ADA, replace(ADA, ref="A-2"), replace(BRUNO, resolved_at=NOW + 2 * DAY + timedelta(hours=20)), CHIOMA]
    told = [{field: value for field, value in asdict(case).items() if value is not None} for case in cases]
    (workplace.folder / "cases.json").write_text(json.dumps(told, default=str))
    workplace.feedback("import", "cases", "cases.json", "--at", AT)
    return workplace


def database(place: Workplace) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(Path(place.data).glob("feedback.db")))


def test_it_tells_who_would_have_been_asked_and_who_not_and_why(place: Workplace) -> None:
    before = database(place)
    told = place.feedback("simulate", "--at", AT)
    assert database(place) == before
    assert told == (
        "Cases resolved from 2026-02-04 18:00 to 2026-03-06 18:00 (UTC), as if each had come in when it was resolved.\n"
        "Nothing is written, and nothing is sent.\n"
        "\n"
        "         1   Mails that would have gone out\n"
        "         1   Waiting still\n"
        "         1     it would be outside our hours, by the customer's clock (FEEDBACK_WINDOW)\n"
        "         2   Not asked\n"
        "         1     we know no address of this customer\n"
        "         1     the customer was asked not long ago, or is about to be (FEEDBACK_ASK_AGAIN_AFTER)\n"
        "\n"
        "Mails a day (█ gone out, ░ due):\n"
        "  … 28 days without a mail\n"
        f"  Wed 2026-03-04  {'█' * 48} 1\n"
        "  … 4 days without a mail\n"
        f"  Mon 2026-03-09  {'░' * 48} 1\n"
    )


def test_other_settings_stand_beside_the_present_ones(place: Workplace) -> None:
    told = place.feedback(
        "simulate", "--at", AT, "--last", "4d", "--set", "ask_again_after=off", "--set", "FEEDBACK_WINDOW=off"
    )
    assert "       now  changed   (changed: ask_again_after=off, FEEDBACK_WINDOW=off)\n" in told
    assert "         1        2   Mails that would have gone out\n" in told
    assert "         1        1   Waiting still\n" in told
    assert "         0        1     it is too soon after the resolution\n" in told
    assert "Mails a day with the changed settings (█ gone out, ░ due):\n  Mon 2026-03-02\n" in told


def test_an_empty_setting_is_the_default_as_in_the_environment(place: Workplace) -> None:
    place.environment["FEEDBACK_ASK_AGAIN_AFTER"] = "off"
    told = place.feedback("simulate", "--at", AT, "--set", "ask_again_after=")
    assert "         2        1   Mails that would have gone out\n" in told


def test_before_anything_was_imported_it_says_how(workplace: Workplace) -> None:
    assert "Import some: feedback import cases FILE" in workplace.feedback("simulate")


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["--set", "delay"], 1, "--set: given 'delay', expected a setting that decides"),
        (["--set", "mail=stdout:"], 1, "They are: delay, "),
        (["--set", "delay=soon"], 1, "FEEDBACK_DELAY: given 'soon', expected a duration such as"),
        (["--set", "delay=8d"], 1, "FEEDBACK_DELAY must be shorter than FEEDBACK_MAX_AGE"),
        (["--last", "a month"], 2, "given 'a month', expected a length of time such as 30d"),
        (["--last", "999999d"], 2, "of ten years at most"),
        (["--at", "0002-01-02T00:00:00Z", "--last", "3660d"], 1, "reach back to before there were years"),
        (["--set", "ask_again_after=3661d"], 1, "expected a duration of ten years at most"),
        (["--last", "0d"], 2, "expected a length of time such as 30d"),
    ],
)
def test_what_cannot_be_read_is_told(workplace: Workplace, arguments: list[str], status: int, words: str) -> None:
    assert words in workplace.feedback("simulate", *arguments, status=status)


def test_it_looks_from_any_moment_while_real_mail_goes_out(place: Workplace, mail_server: MailServer) -> None:
    place.environment |= {"FEEDBACK_MAIL": "smtp://mail.example.org", "FEEDBACK_URL": "https://care.example.org"}
    assert "Mails that would have gone out" in place.feedback("simulate", "--at", AT)


def test_the_jobs_can_be_tried_at_the_moment_at_which_the_next_survey_is_due(place: Workplace) -> None:
    """By the real clock all of this is long ago, so one more case is taken in now."""
    place.environment["FEEDBACK_WINDOW"] = "Mon-Fri 03:00-03:10"
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    (place.folder / "now.csv").write_text(
        f"source,ref,status,email,resolved_at\nshop,9,resolved,eve@example.org,{now}\n"
    )
    place.feedback("import", "cases", "now.csv")
    place.feedback("tick")  # the cases of long ago are given up
    assert "Mails sent now: 1" in place.feedback("tick", "--at", "due")


def test_the_story_of_a_case_is_told_in_the_readers_zone(place: Workplace) -> None:
    told = place.feedback("explain", "B-2", "--zone", "Asia/Tokyo")
    assert "We wait until Monday, 9 March 2026, 18:00 (Asia/Tokyo)" in told
    assert "the survey is due Monday, 9 March 2026, 18:00 (Asia/Tokyo); there it is Monday, 9 March 2026, 09:00" in told
    assert "expected a time zone such as Europe/Berlin" in place.feedback("explain", "B-2", "--zone", "Mars", status=2)

import json
import os
import re
import socket
import sqlite3
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from feedback.cli import main
from tests.conftest import FEEDBACK, ROOT, MailServer, Workplace


def write_case(workplace: Workplace, **change: str) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    case = {
        "source": "shop",
        "ref": "1001",
        "status": "resolved",
        "resolved_at": now,
        "email": "ada@example.org",
        **change,
    }
    (workplace.folder / "cases.json").write_text(json.dumps([case]))


def test_a_dry_run_tells_what_would_happen_and_changes_nothing(workplace: Workplace) -> None:
    write_case(workplace)
    told = workplace.feedback("import", "cases", "cases.json", "--dry-run")
    assert "Cases: 1 created; 0 rows refused." in told
    assert "This was a trial: nothing was changed." in told
    assert "There is no case 1001" in workplace.feedback("explain", "1001", status=1)
    write_case(workplace, status="gone")
    workplace.feedback("import", "cases", "cases.json", "--dry-run", status=1)
    assert not (workplace.data / "refused").exists()


def test_refused_rows_are_told_and_kept(workplace: Workplace) -> None:
    write_case(workplace, status="gone")
    told = workplace.feedback("import", "cases", "cases.json", status=1)
    assert "line 1: status: given 'gone', expected one of open, resolved, merged, spam" in told
    (kept,) = (workplace.data / "refused").iterdir()
    assert str(kept) in told
    assert "gone" in kept.read_text()


def test_an_import_of_purchases_tells_what_went_in_and_what_did_not_and_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FEEDBACK_SENDER", "Acme <care@acme.example>")
    now = datetime.now(UTC)
    (tmp_path / "cases.csv").write_text("source,ref,status,email\nshop,1001,open,ada@example.org\n")
    (tmp_path / "orders.csv").write_text(
        f"email,ref,at,amount\nada@example.org,1,{now:%Y-%m-%d},12.50\n"
        f"kim@example.org,2,{now:%Y-%m-%d},5\nada@example.org,3,{now:%Y-%m-%d},5 EUR\n"
    )

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(main, ["import", *arguments])
        return done.exit_code, done.output

    assert run("cases", "cases.csv")[0] == 0
    words = "Purchases: 1 created, 1 skipped; 1 row refused.\n  1 × skipped, for we have no case of the customer\n"
    status, trial = run("purchases", "orders.csv", "--dry-run")
    assert status == 1
    assert words in trial
    assert "This was a trial: nothing was changed." in trial
    assert not (tmp_path / "var" / "refused").exists()
    status, told = run("purchases", "orders.csv")
    assert status == 1
    assert words in told
    assert "line 4: amount: given '5 EUR', expected a number such as 1234.50" in told
    (kept,) = (tmp_path / "var" / "refused").iterdir()
    assert f"var/refused/{kept.name}" in told


def test_explain_tells_the_whole_story_in_sentences(workplace: Workplace) -> None:
    write_case(workplace, name="Ada", subject="Printer jams", agent="Mara")
    workplace.feedback("import", "cases", "cases.json")
    waiting = workplace.feedback("explain", "1001")
    assert "Case 1001 in shop, “Printer jams”. Its status is resolved." in waiting
    assert "Customer: Ada <ada@example.org>." in waiting
    assert "We wait until" in waiting
    workplace.feedback("tick", "--at", "+25h")
    asked = workplace.feedback("explain", "1001")
    assert "We ask: it is due." in asked
    assert "The mail to ada@example.org was accepted on" in asked


def test_a_moment_other_than_now_is_for_trials_only(workplace: Workplace, mail_server: MailServer) -> None:
    workplace.environment |= {"FEEDBACK_MAIL": "smtp://mail.example.org", "FEEDBACK_URL": "https://care.example.org"}
    for command in (("tick",), ("publish",), ("import", "cases", "x.csv")):
        assert "--at is for trials" in workplace.feedback(*command, "--at", "+25h", status=1)
    workplace.environment["FEEDBACK_MAIL"] = mail_server.url
    workplace.feedback("tick", "--at", "+25h")


@pytest.mark.parametrize("moment", ["tomorrow", "2026-02-31T00:00:00Z", "2026-03-03T12:00:00", "+25"])
def test_a_moment_that_cannot_be_read_is_told(workplace: Workplace, moment: str) -> None:
    assert f"given '{moment}', expected a time such as" in workplace.feedback("tick", "--at", moment, status=2)


def test_a_key_is_shown_once_and_its_name_is_taken(workplace: Workplace) -> None:
    told = workplace.feedback("key", "add", "helpdesk")
    assert re.match(r"fbk_[\w-]{43}\n", told)
    assert "There is a key named 'helpdesk' already" in workplace.feedback("key", "add", "helpdesk", status=1)


def test_a_setting_that_makes_no_sense_stops_every_command(workplace: Workplace) -> None:
    workplace.environment["FEEDBACK_DELAY"] = "a day"
    told = workplace.feedback("tick", status=1)
    assert "FEEDBACK_DELAY: given 'a day', expected a duration such as 90s, 30m, 24h or 7d." in told
    assert "Traceback" not in told


def test_a_port_that_is_taken_is_told(workplace: Workplace) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        workplace.environment["FEEDBACK_LISTEN"] = f"127.0.0.1:{taken.getsockname()[1]}"
        told = workplace.feedback("serve", status=1)
    assert "cannot be used: Address already in use" in told


def test_a_data_folder_that_cannot_be_made_is_told(workplace: Workplace) -> None:
    (workplace.folder / "file").write_text("")
    workplace.environment["FEEDBACK_DATA_DIR"] = str(workplace.folder / "file" / "var")
    told = workplace.feedback("followups", status=1)
    assert "cannot be written" in told
    assert "FEEDBACK_DATA_DIR" in told


def test_a_mail_server_that_refuses_is_told_and_the_mail_waits(workplace: Workplace) -> None:
    write_case(workplace)
    workplace.feedback("import", "cases", "cases.json")
    workplace.environment["FEEDBACK_MAIL"] = "smtp://127.0.0.1:9"
    told = workplace.feedback("tick", "--at", "+25h", status=1)
    assert "send: failed: mail server 127.0.0.1:9" in told
    assert "Outbox: 1 queued" in told
    workplace.environment["FEEDBACK_MAIL"] = "maildir:"
    assert "Outbox: 1 sent" in workplace.feedback("tick", "--at", "+25h")


def test_publish_to_a_folder_of_the_owners_choice(workplace: Workplace) -> None:
    told = workplace.feedback("publish", "--to", "www")
    assert re.search(r"^Counting the figures … \d+\.\d s\nBuilding the site … \d+\.\d s\n", told)
    assert "How we care" in (workplace.folder / "www" / "current" / "index.html").read_text()


def test_a_build_that_fails_says_at_which_step_and_why_and_the_old_site_stays(workplace: Workplace) -> None:
    (workplace.folder / "site").mkdir()
    (workplace.folder / "mkdocs.yml").write_text("site_name: x\ntheme: readthedocs\nplugins: []\n")
    (workplace.folder / "site" / "index.md").write_text("# Home\n")
    workplace.feedback("publish")
    (workplace.folder / "site" / "index.md").write_text("---\nreviewed: soon\n---\n# Gone\n")
    told = workplace.feedback("publish", status=1)
    assert re.search(r"^Building the site … did not succeed after \d+\.\d s$", told, re.MULTILINE)
    assert "Error: index.md: reviewed: given 'soon', expected a day such as 2026-11-25." in told
    assert "Home" in (workplace.data / "site" / "current" / "index.html").read_text()
    assert "the old site stays. index.md: reviewed" in workplace.feedback("health", status=1)


def test_migrate_and_health_speak_plainly(workplace: Workplace) -> None:
    assert "is up to date" in workplace.feedback("migrate")
    told = workplace.feedback("health", status=1)
    assert "BAD scheduler: send: has never run" in told
    assert "BAD web: nothing of ours answers at" in told


def test_scheduler_py_starts_the_jobs(workplace: Workplace) -> None:
    source = (ROOT / "scheduler.py").read_text()
    assert len(source.splitlines()) < 10
    process = subprocess.Popen(
        [str(Path(FEEDBACK).parent / "python"), str(ROOT / "scheduler.py")],
        cwd=workplace.folder,
        env={**os.environ, **workplace.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    workplace.started.append(process)
    assert process.stdout is not None
    assert "ask: puts the surveys that are due into the outbox; looks every 15 s" in process.stdout.readline()


def test_times_are_told_in_the_businesss_zone(workplace: Workplace) -> None:
    workplace.environment["FEEDBACK_ZONE"] = "Asia/Tokyo"
    moment = datetime.now(UTC) + timedelta(hours=-1)
    write_case(workplace, resolved_at=moment.strftime("%Y-%m-%dT%H:%M:%SZ"))
    workplace.feedback("import", "cases", "cases.json")
    assert f"{moment + timedelta(hours=9):%H:%M} (Asia/Tokyo)" in workplace.feedback("explain", "1001")


def test_a_backup_is_restored_and_mail_is_released_by_command(workplace: Workplace) -> None:
    write_case(workplace)
    workplace.feedback("import", "cases", "cases.json")
    assert "and read back." in workplace.feedback("backup", "copy.tar.gz")
    workplace.feedback("tick", "--at", "+25h")
    assert "Stop it, wait a minute" in workplace.feedback("restore", "copy.tar.gz", status=1)
    age_heartbeats(workplace)
    told = workplace.feedback("restore", "copy.tar.gz")
    assert "Restored from copy.tar.gz." in told
    assert "Mail to customers is held." in told
    assert "BAD held mail: mail to customers is held since" in workplace.feedback("health", status=1)
    workplace.feedback("tick", "--at", "+25h")
    assert len(list((workplace.data / "mail" / "new").iterdir())) == 1
    told = workplace.feedback("resume", "--yes")
    assert "Held since" in told
    assert "No mail is held." in workplace.feedback("resume", "--yes", status=1)
    told = workplace.feedback("tick", "--at", "+26h")
    assert "Mails sent now: 0 " in told  # the folder is empty if a night lies between: it sweeps what is not known


def age_heartbeats(workplace: Workplace) -> None:
    """As if the service had been stopped two minutes ago."""
    connection = sqlite3.connect(workplace.data / "feedback.db")
    connection.execute("UPDATE heartbeats SET beat_at = '2026-01-01T00:00:00Z'")
    connection.commit()
    connection.close()


def test_the_drill_tells_what_held_and_leaves_the_installation_alone(workplace: Workplace) -> None:
    write_case(workplace)
    workplace.feedback("import", "cases", "cases.json")
    before = sorted(path.relative_to(workplace.data) for path in workplace.data.rglob("*"))
    told = workplace.feedback("backup", "--drill")
    assert told.count("ok ") == len(told.splitlines()) == 10
    assert "with its 1 cases" in told
    assert sorted(path.relative_to(workplace.data) for path in workplace.data.rglob("*")) == before


def test_resuming_asks_first(workplace: Workplace) -> None:
    workplace.feedback("backup", "copy.tar.gz")
    workplace.feedback("restore", "copy.tar.gz")
    assert "Release the hold?" in workplace.feedback("resume", typed="n\n", status=1)
    assert "No mail is held." not in workplace.feedback("resume", "--yes")

"""The desk with many follow-ups against few: what a page of the queue, its counts, the lists and a search take.

An owner's, and those of the lead of a team that has few of them, however many there are.
"""

import sqlite3
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash

from feedback.config import load_config
from feedback.domain.staff import Role
from feedback.keys import load_keys
from feedback.store import open_store, teams
from feedback.web import create_app

FEW, MANY = 1_000, 100_000
TINY = 40  # of each are of the small team
OPEN = 500  # of each: what waits does not grow with what has been
LOOKS = 15  # a run
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
PASSWORD = "right as rain"

PAGES = {
    "the queue": "/desk/",
    "one tab of it, narrowed": "/desk/?tab=unowned&team=team+3&stage=resolve&age=1",
    "the closed ones, narrowed": "/desk/?tab=closed&team=team+3",
    "the counts": "/desk/counts",
    "a search for one in a thousand": "/desk/search?words=gasket7",
    "a search for a customer": "/desk/search?words=c500%40example.org",
    "a search for what is in each text": "/desk/search?words=printer",
    "a search for a beginning that is in each": "/desk/search?words=prin",
    "a search for two words": "/desk/search?words=printer+gasket7",
    "the answers": "/desk/answers",
    "the cases": "/desk/cases",
    "the customers": "/desk/customers",
    "the quotes that wait": "/desk/quotes",
    "the quotes that are approved": "/desk/quotes?standing=approved",
    "the quotes that were declined, none": "/desk/quotes?standing=declined",
}

# What the lead of the small team looks at.
PAGES_OF_A_LEAD = {
    "the cases": "/desk/cases",
    "the cases of a name": "/desk/cases?words=person+77",
    "the customers": "/desk/customers",
    "the answers": "/desk/answers",
    "the quotes that wait": "/desk/quotes",
    "the figures": "/desk/figures",
}


def measure(runs: int) -> dict[str, list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        desks = [_desk(Path(folder) / str(count), count) for count in (FEW, MANY)]
        looks = [(name, "mara", path) for name, path in PAGES.items()]
        looks += [(f"{name} of a small team", "tina", path) for name, path in PAGES_OF_A_LEAD.items()]
        ratios: dict[str, list[float]] = {name: [] for name, _, _ in looks}
        for _ in range(runs):
            for name, person, path in looks:
                few, many = (_time(desk[person], path) for desk in desks)
                ratios[name].append(many / few)
    return {f"time of {name} at {MANY:,} follow-ups, to {FEW:,}": found for name, found in ratios.items()}


def _time(client: FlaskClient, path: str) -> float:
    """Seconds that the quickest of several looks at a page takes."""
    times = []
    for _ in range(LOOKS):
        begun = time.perf_counter()
        answer = client.get(path)
        times.append(time.perf_counter() - begun)
        assert answer.status_code == 200
    return min(times)


def _desk(home: Path, count: int) -> dict[str, FlaskClient]:
    """The owner and the lead of the small team, each logged in, where there are so many follow-ups."""
    config = load_config({"FEEDBACK_DATA_DIR": str(home)}, env_file=None)
    store = open_store(config.database_url)
    password_hash = generate_password_hash(PASSWORD, "scrypt:1024:1:1")
    with store.write():
        store.staff.add("mara@acme.example", "Mara", password_hash, Role.OWNER)
        store.staff.add("tina@acme.example", "Tina", password_hash, Role.LEAD, ["tiny"])
        for team in {_team(n, count) for n in range(count)}:
            teams.learn(store._database, team)
    with closing(sqlite3.connect(home / "feedback.db")) as database:
        database.execute("PRAGMA synchronous = OFF")
        _fill(database, count)
        database.commit()
    app = create_app(config, store, load_keys(home), lambda: NOW)
    return {name: _logged_in(app.test_client(), name) for name in ("mara", "tina")}


def _logged_in(client: FlaskClient, name: str) -> FlaskClient:
    page = client.get("/desk/login").text
    said = {"csrf_token": page.split('name="csrf_token" value="')[1].split('"')[0]}
    entry = client.post("/desk/login", data=said | {"email": f"{name}@acme.example", "password": PASSWORD})
    assert entry.status_code == 303
    return client


def _fill(database: sqlite3.Connection, count: int) -> None:
    """A follow-up a row, the newest of them open; each with what the customer said and what was noted."""
    numbers = range(count)
    at = [_stamp(NOW - timedelta(minutes=3 * (count - n))) for n in numbers]
    many = database.executemany
    many("INSERT INTO customers (id, source, ref, email, name) VALUES (?, 'shop', ?, ?, ?)",
         ((f"u{n}", f"u{n}", f"c{n}@example.org", f"Person {n}") for n in numbers))  # fmt: skip
    many("INSERT INTO cases (id, source, ref, customer_id, status, subject, team, opened_at, resolved_at)"
         " VALUES (?, 'shop', ?, ?, 'resolved', ?, ?, ?, ?)",
         ((f"c{n}", f"R-{n}", f"u{n}", f"Printer jams, gasket{n % 1000}", _team(n, count), at[n], at[n])
          for n in numbers))  # fmt: skip
    many("INSERT INTO resolutions (id, case_id, n, resolved_at, team, topic) VALUES (?, ?, 1, ?, ?, ?)",
         ((f"r{n}", f"c{n}", at[n], _team(n, count), f"topic {n % 20}") for n in numbers))  # fmt: skip
    many("INSERT INTO surveys (id, resolution_id, round, state, due_at, asked_at) VALUES (?, ?, 0, 'asked', ?, ?)",
         ((f"s{n}", f"r{n}", at[n], at[n]) for n in numbers))  # fmt: skip
    many("INSERT INTO answers (id, survey_id, seq, at, choice, reasons, comment) VALUES (?, ?, 1, ?, 'no', ?, ?)",
         ((f"a{n}", f"s{n}", at[n], "resolve" if n % 3 else "connect", f"Word{n * 31 % 5000} again, the printer.")
          for n in numbers))  # fmt: skip
    many("INSERT INTO answers (id, survey_id, seq, at, choice, comment, quote_name)"
         " VALUES (?, ?, 2, ?, 'yes', ?, 'C.')",
         ((f"y{n}", f"s{n}", at[n], f"Good now, gasket{n % 1000}.") for n in numbers if n % 10 == 0))  # fmt: skip
    many("INSERT INTO quotes (answer_id, standing, said_at) VALUES (?, 'waiting', ?)",
         ((f"y{n}", at[n]) for n in numbers if n % 10 == 0))  # fmt: skip
    database.execute("UPDATE quotes SET standing = 'approved', version = '',"
                     " staff_id = (SELECT id FROM staff WHERE role = 'owner') WHERE answer_id < 'y5'")  # fmt: skip
    many("INSERT INTO follow_ups (id, survey_id, resolution_id, opened_at, due_at, closed_at, outcome)"
         " VALUES (?, ?, ?, ?, ?, ?, ?)",
         ((f"f{n}", f"s{n}", f"r{n}", at[n], at[n], *((None, None) if n >= count - OPEN else (at[n], "solved")))
          for n in numbers))  # fmt: skip
    for seq, kind, note in ((1, "opened", None), (2, "interaction", "Asked which tray it is.")):
        many("INSERT INTO follow_up_events (follow_up_id, seq, at, kind, note) VALUES (?, ?, ?, ?, ?)",
             ((f"f{n}", seq, at[n], kind, note) for n in numbers))  # fmt: skip


def _team(n: int, count: int) -> str:
    """Spread over all the time, as many are of the small team as ever."""
    return "Tiny" if n % max(1, count // TINY) == 0 else f"team {n % 7}"


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")[:19] + "Z"

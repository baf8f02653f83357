"""What the survey page is measured against: Flask with one SELECT and one template, or one durable INSERT."""

import os
import sqlite3
import threading
from pathlib import Path

from flask import Flask, redirect, render_template, request
from jinja2 import DictLoader
from werkzeug.wrappers import Response

app = Flask(__name__)
_local = threading.local()
_PAGE = (
    "<!doctype html><title>{{ subject }}</title><h1>Did we solve it?</h1><p>{{ subject }} by {{ agent }}</p>{{ rest }}"
)
app.jinja_loader = DictLoader({"page.html": _PAGE})


def prepare(home: Path, pages: int) -> None:
    """Make the database, before any thread of the server opens it."""
    home.mkdir(exist_ok=True)
    connection = sqlite3.connect(home / "bare.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE page (id INTEGER PRIMARY KEY, subject TEXT, agent TEXT)")
    connection.execute("CREATE TABLE answer (page INTEGER, choice TEXT)")
    connection.execute("BEGIN")
    rows = ((n, f"Request {n}", "Mara") for n in range(pages))
    connection.executemany("INSERT INTO page VALUES (?, ?, ?)", rows)
    connection.execute("COMMIT")
    connection.close()


def _connection() -> sqlite3.Connection:
    if not hasattr(_local, "connection"):
        path = Path(os.environ["FEEDBACK_DATA_DIR"]) / "bare.db"
        _local.connection = sqlite3.connect(path, timeout=10, isolation_level=None)
        _local.connection.execute("PRAGMA synchronous = FULL")
    connection: sqlite3.Connection = _local.connection
    return connection


@app.get("/page/<int:number>/<int:size>")
def page(number: int, size: int) -> str:
    row = _connection().execute("SELECT subject, agent FROM page WHERE id = ?", (number,)).fetchone()
    return render_template("page.html", subject=row[0], agent=row[1], rest="x" * (size - 150))


@app.post("/answer/<int:number>")
def answer(number: int) -> Response:
    _connection().execute("INSERT INTO answer VALUES (?, ?)", (number, request.form["choice"]))
    return redirect("/", 303)


@app.get("/healthz")
def health() -> str:
    return "ok"

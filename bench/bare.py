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


def _connection() -> sqlite3.Connection:
    if not hasattr(_local, "connection"):
        path = Path(os.environ["FEEDBACK_DATA_DIR"]) / "bare.db"
        _local.connection = sqlite3.connect(path, timeout=10, isolation_level=None)
        _local.connection.execute("PRAGMA journal_mode = WAL")
        _local.connection.execute("PRAGMA synchronous = FULL")
        _local.connection.execute("CREATE TABLE IF NOT EXISTS page (id INTEGER PRIMARY KEY, subject TEXT, agent TEXT)")
        _local.connection.execute("CREATE TABLE IF NOT EXISTS answer (page INTEGER, choice TEXT)")
        rows = ((n, f"Request {n}", "Mara") for n in range(4_000))
        _local.connection.execute("BEGIN IMMEDIATE")
        _local.connection.executemany("INSERT OR IGNORE INTO page VALUES (?, ?, ?)", rows)
        _local.connection.execute("COMMIT")
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

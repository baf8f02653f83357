"""The processes of one small server: the web service, and web and scheduler together."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import FrameType
from typing import TextIO

from granian.constants import Interfaces
from granian.server import Server

from feedback.config import Config
from feedback.domain.colours import correction
from feedback.errors import ConfigError, FeedbackError
from feedback.i18n import load_languages
from feedback.jobs import STOP_WITHIN_S
from feedback.keys import load_keys
from feedback.loop.health import Check
from feedback.store import open_store

WORKERS = 2
THREADS = 2  # a worker's; more of them wait for one another, and answer no more requests


def serve(config: Config) -> None:
    """Run the web service until SIGTERM.

    Raises PendingMigrations, or ConfigError if the address or a catalogue of sentences cannot be used.
    """
    open_store(config.database_url).close()
    load_keys(config.data_dir)
    load_languages(config.words_dir)
    check_free(config)
    if told := correction(config.colour):
        print(told, flush=True)
    host, port = _address(config)
    Server(
        "feedback.web:app_from_environment",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        workers=WORKERS,
        blocking_threads=THREADS,
        factory=True,
        websockets=False,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_WITHIN_S,
        log_access=False,  # it would hold tokens
    ).serve()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the two processes run, when not here: the demo's folder, environment and log, and a lock that they keep."""

    folder: Path
    environment: Mapping[str, str]
    log: TextIO
    lock: TextIO


def run(config: Config, greeting: str, surroundings: Surroundings | None = None) -> None:
    """Run web and scheduler together until stopped; say the greeting when the web service answers.

    Raises FeedbackError when either ends by itself; the other is then stopped.
    """
    config.require_people()
    open_store(config.database_url).close()
    check_free(config)
    load_languages(config.words_dir)
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name in ("serve", "schedule"):
            children[name] = _start(name, surroundings)
        while not stopping:
            if greeting and check_web(config).ok:
                print(greeting, flush=True)
                greeting = ""
            for name, child in children.items():
                if child.poll() is not None:
                    why = f" Why it did: {surroundings.log.name}" if surroundings else ""
                    raise FeedbackError(
                        f"`feedback {name}` ended with status {child.returncode}, so everything was stopped.{why}"
                    )
            time.sleep(0.2)
    finally:
        for child in children.values():
            child.terminate()
        deadline = time.monotonic() + STOP_WITHIN_S + 2
        for child in children.values():
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.1, deadline - time.monotonic()))
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)  # what is left of it, workers too
    print("Stopped.", flush=True)


def _start(name: str, surroundings: Surroundings | None) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "feedback", name]
    if surroundings is None:
        return subprocess.Popen(command, start_new_session=True)
    return subprocess.Popen(
        command,
        cwd=surroundings.folder,
        env=surroundings.environment,
        stdout=surroundings.log,
        stderr=surroundings.log,
        pass_fds=[surroundings.lock.fileno()],
        start_new_session=True,
    )


def check_web(config: Config) -> Check:
    """Whether the web service answers at its address."""
    host, port = _address(config)
    connection = HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
    except (OSError, HTTPException):
        return Check("web", False, f"nothing of ours answers at http://{config.listen}/. Start it with: feedback run")
    finally:
        connection.close()
    return Check("web", True, f"answers at http://{config.listen}/")


def _address(config: Config) -> tuple[str, int]:
    host, _, port = config.listen.rpartition(":")
    return "127.0.0.1" if host == "localhost" else host.strip("[]"), int(port)


def check_free(config: Config, advice: str = "Stop what uses it, or set FEEDBACK_LISTEN to another one.") -> None:
    """Raises ConfigError, with the advice, if the web service cannot have its address."""
    host, port = _address(config)
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        words = os.strerror(error.errno) if error.errno else str(error)
        raise ConfigError(f"The address {config.listen} cannot be used: {words}.\n{advice}") from None

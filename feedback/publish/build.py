"""Builds the site in a fresh folder and swaps it in: at every instant the published site is whole."""

import base64
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from feedback.config import Config
from feedback.domain.published import Figures
from feedback.domain.timing import last_occurrence, local_day
from feedback.errors import PublishError
from feedback.publish import boxes, faq, figures, overlay, pages, reviews, voices
from feedback.setting_types import FiguresFor
from feedback.shipped import shipped
from feedback.store import Store

KEEP = 3
TIMEOUT_S = 300
PUBLISH_HOUR = 5  # local time; figures change once a day, so that no reader can watch single answers arrive
TRY_AGAIN_AFTER = timedelta(hours=1)
CSP_FILE = "csp.txt"
FIGURES_FILE = "figures.txt"  # by which FEEDBACK_FIGURES a build was made
_TREE = re.compile(r"(build|staff)-\d{8}T\d{6}Z-[a-z0-9_]{8}")  # in a folder where others may have things, too
_LEVEL = re.compile(r"(INFO|DEBUG|WARNING|ERROR|CRITICAL) +-  ?")
_WAY_BACK = re.compile(rb'"(?:\.\.?/?)+"')
_SCRIPT = re.compile(rb"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Sources:
    """The site's hand-written part: the folder of pages, the builder's configuration, and whether they are ours."""

    pages: Path
    configuration: Path
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Published:
    """A build that was swapped in: its folder, and what its front page says."""

    folder: Path
    headline: str


def find_sources(folder: Path) -> Sources:
    """The owner's `mkdocs.yml` and `site/` in `folder`, else the default ones that came with the program.

    Raises PublishError if only one of the two is there, for the owner means it to be used.
    """
    default = shipped()
    site, configuration = folder / "site", folder / "mkdocs.yml"
    if site.is_dir() != configuration.is_file():
        there, missing = (site, configuration) if site.is_dir() else (configuration, site)
        raise PublishError(
            f"{there} is there, and {missing} is not; a site needs both. `feedback init` makes what is missing."
        )
    place = folder if site.is_dir() else default
    return Sources(place / "site", place / "mkdocs.yml", is_default=place == default)


def is_due(store: Store, config: Config, now: datetime) -> bool:
    """Whether the day's build is missing, or the site shows its figures to others than is set now.

    After a failure, of one that was asked for as well, it is tried again each hour.
    """
    good, last = store.operations.good_builds(1), store.operations.last_build()
    if last is not None and last.words is not None:
        return not now - TRY_AGAIN_AFTER < last.at <= now
    is_todays = good and last_occurrence(PUBLISH_HOUR, now, config.zone) <= good[0].at <= now
    return not (is_todays and _shows_as_set(config))  # one of a later moment was made in a trial


def _shows_as_set(config: Config) -> bool:
    try:
        return (place_of(config) / "current" / FIGURES_FILE).read_text("utf-8").strip() == config.figures
    except OSError:
        return False


def place_of(config: Config) -> Path:
    """The folder of the builds that the service shows."""
    return config.data_dir / "site"


def staff_tree(build: Path) -> Path:
    """The site with its figures that belongs to a public build without; beside it, so that one link swaps both."""
    return build.with_name("staff-" + build.name.removeprefix("build-"))


def publish(
    store: Store,
    config: Config,
    sources: Sources,
    target: Path,
    now: datetime,
    *,
    for_staff: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> Published:
    """Build the site and make `target/current` point at it; `tell` hears of each step as it begins.

    With `for_staff` the site that staff alone see is built besides, if the figures are theirs (`staff_tree`). A build
    that fails raises PublishError and leaves `current` as it was. The newest KEEP builds stay.
    """
    if target.resolve().is_relative_to(sources.pages.resolve()):
        raise PublishError(
            f"{target} is inside {sources.pages}, and would be built into itself. Choose another folder."
        )
    try:
        target.mkdir(parents=True, exist_ok=True)
        if not _is_ours(target / "current"):
            raise PublishError(f"{target / 'current'} is not a link of ours. Choose another folder with --to.")
        with _alone(target, tell):
            begun = Path(tempfile.mkdtemp(prefix=".building-", dir=target))
            build = target / f"build-{now:%Y%m%dT%H%M%SZ}-{begun.name[-8:]}"
            try:
                headline = _make(begun, build, store, config, sources, now, for_staff=for_staff, tell=tell)
                _point(target / "current", build)
            except BaseException as error:
                for folder in (begun, build, staff_tree(build)):
                    shutil.rmtree(folder, ignore_errors=True)
                if isinstance(error, OSError):  # it may be a page that cannot be read
                    raise PublishError(f"The site could not be written: {error}.") from error
                raise
            _tidy(target, build)
    except OSError as error:
        raise PublishError(f"The folder {target} cannot be written: {error.strerror or error}.") from error
    return Published(build, headline)


def _make(
    begun: Path,
    build: Path,
    store: Store,
    config: Config,
    sources: Sources,
    now: datetime,
    *,
    for_staff: bool,
    tell: Callable[[str], None],
) -> str:
    """Build in `begun`, and rename what came of it to `build` and its staff's tree; what the first page says."""
    tell("Counting the figures")
    current = figures.current(store, config, now)
    quotes, notes = store.quotes.approved(voices.MOST), store.follow_ups.public_notes(voices.MOST)
    heard = voices.pages(quotes, notes, config)
    tell("Building the site")
    shown = current if config.figures is FiguresFor.PUBLIC else None
    _build(begun / "public", sources, shown, heard, config, now)
    if for_staff and config.figures is FiguresFor.STAFF:
        tell("Building the site with the figures, for staff")
        _build(begun / "staff", sources, current, heard, config, now, at=config.base_url + pages.STAFF_SITE)
        (begun / "staff").rename(staff_tree(build))
    tell("Putting it in place")
    (begun / "public").chmod(0o755)  # a web server of another user reads it
    (begun / "public").rename(build)
    begun.rmdir()
    return boxes.solved(current)


@contextmanager
def _alone(target: Path, tell: Callable[[str], None] = lambda _: None) -> Iterator[None]:
    """While no other builds there: who counted before words were taken back must not be the last to put in place."""
    with (target / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("Waiting for another build to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _is_ours(link: Path) -> bool:
    """Whether it may be replaced: it is not there, or a link to a build."""
    return not os.path.lexists(link) or (link.is_symlink() and bool(_TREE.fullmatch(os.readlink(link))))


def _trees(target: Path, kind: str) -> list[Path]:
    return [tree for tree in target.glob(f"{kind}-*") if _TREE.fullmatch(tree.name)]


def keep_newest_alone(target: Path) -> None:
    """Remove the builds before the one that is shown, for words were taken back that stand in them."""
    with suppress(OSError), _alone(target):
        _tidy(target, (target / "current").resolve(strict=True), keep=1)


def _tidy(target: Path, newest: Path, keep: int = KEEP) -> None:
    """Keep the newest builds, and sweep up what a killed one has left; alone there."""
    with suppress(OSError):
        builds = sorted(_trees(target, "build"), key=lambda build: build.stat().st_mtime, reverse=True)
        old = [build for build in builds if build != newest][keep - 1 :]
        kept = {staff_tree(build) for build in builds if build not in old}
        lone = {*_trees(target, "staff")} - kept
        for tree in (*old, *lone, *target.glob(".building-????????")):
            shutil.rmtree(tree, ignore_errors=True)


def content_security_policy(folder: Path, by_hand: Collection[Path], service: str) -> str:
    """A policy that allows by their hashes the inline scripts of the built pages `by_hand`, and no others.

    Pages may send to `service`, wherever they are: that an entry of the FAQ helped.

    Other pages hold names and words of others. A script of theirs counts if it is one of those, but for the way back
    to the first page. Should words ever become a script, it stays without effect.
    """
    known = {_wherever(body) for page in by_hand for body in _inline_scripts(page)}
    bodies = {body for page in folder.rglob("*.html") for body in _inline_scripts(page) if _wherever(body) in known}
    hashes = (base64.b64encode(hashlib.sha256(body).digest()).decode() for body in bodies)
    scripts = " ".join(["'self'", *sorted(f"'sha256-{digest}'" for digest in hashes)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self' {service}; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _inline_scripts(page: Path) -> Iterator[bytes]:
    for match in _SCRIPT.finditer(page.read_bytes()):
        if b"src=" not in match["attributes"] and match["body"].strip():
            yield match["body"]


def _wherever(script: bytes) -> bytes:
    return _WAY_BACK.sub(b'"."', script)


def _build(
    tree: Path,
    sources: Sources,
    current: Figures | None,
    heard: Mapping[str, str],
    config: Config,
    now: datetime,
    at: str | None = None,
) -> None:
    """Make a folder with the whole site, its policy in it; without figures, if they are None.

    `at` is its address, if that is known: without it, the page for what is not there works at the root alone.
    """
    work = tree.with_name(f"{tree.name}-work")
    work.mkdir()
    by_hand = _lay_out(work, sources, current, heard, config, now)
    overlay.lay_over(
        work, config, name_it=sources.is_default, site_url=at, without=() if current else pages.FIGURE_PAGES
    )
    _run_mkdocs(work)
    (work / "out").rename(tree)
    shutil.rmtree(work)
    built = [page for page in (tree / "404.html", *(tree / path for path in by_hand)) if page.is_file()]
    (tree / CSP_FILE).write_text(content_security_policy(tree, built, config.base_url) + "\n", "utf-8")
    (tree / FIGURES_FILE).write_text(config.figures + "\n", "utf-8")


def _lay_out(
    work: Path, sources: Sources, current: Figures | None, heard: Mapping[str, str], config: Config, now: datetime
) -> list[Path]:
    """The pages written by hand, with their figures and reviews, and the generated ones that the owner has not.

    The paths that those written by hand may have, once they are built.
    """
    for link in sources.pages.rglob("*"):
        if link.is_symlink() and link.is_dir():
            raise PublishError(f"{link} is a link to a folder; expected pages, and folders of pages.")
    site = work / "site"
    shutil.copytree(sources.pages, site)
    shutil.copy(sources.configuration, work / overlay.BASE)
    today = local_day(now, config.zone)
    entries, asks = faq.read_entries(site), overlay.leaves_feedback_to_us(work)
    by_hand = [page.relative_to(site) for page in site.rglob("*.md")]
    for page in site.rglob("*.md"):
        name = str(page.relative_to(site))
        try:
            text = pages.fill(page.read_text("utf-8-sig"), current, name)
        except UnicodeDecodeError:
            raise PublishError(f"The page {name} is not UTF-8. Save it as UTF-8.") from None
        if faq.is_page(name):
            page.write_text(faq.with_end(text, name, config, asks=asks), "utf-8")
        else:
            page.write_text(reviews.with_review(text, name, today), "utf-8")
    figure_files = pages.figure_files(current, config, sources.pages) if current else pages.figures_elsewhere(config)
    for name, text in {**heard, **figure_files, **faq.files(entries, config)}.items():
        if not (site / name).exists():
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_text(text, "utf-8")
    return [built for page in by_hand for built in (page.with_suffix(".html"), page.with_suffix("") / "index.html")]


def _run_mkdocs(work: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", "mkdocs.yml"]
    environment = {"NO_MKDOCS_2_WARNING": "1", "PYTHONUTF8": "1", "HOME": str(work)}  # nothing of ours, secrets least
    try:
        subprocess.run(
            command, cwd=work, env=environment, check=True, timeout=TIMEOUT_S, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise PublishError(f"The site was not built within {TIMEOUT_S} s.") from None
    except subprocess.CalledProcessError as error:
        raise PublishError(
            f"The site could not be built. mkdocs says:\n{_complaint(str(error.stdout), work)}"
        ) from None


def _complaint(output: str, work: Path) -> str:
    """What the builder is not content with, in its words, with the names that the owner knows."""
    text = output.replace(f"{work}{os.sep}", "").replace(overlay.BASE, "mkdocs.yml")
    lines = [line for line in text.strip().splitlines() if not line.startswith(("INFO", "DEBUG", "Aborted with"))]
    if any(line.startswith("Traceback ") for line in lines):  # it has stumbled itself; the last line says over what
        lines = lines[-1:]
    return "\n".join(_LEVEL.sub("", line) for line in lines[-12:])[-1500:]


def _point(link: Path, build: Path) -> None:
    fresh = link.with_name(f".{build.name}.link")
    fresh.symlink_to(build.name)
    os.replace(fresh, link)

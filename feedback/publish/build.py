"""Builds the site in a fresh folder and swaps it in: at every instant the published site is whole."""

import base64
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from feedback.config import Config
from feedback.domain.figures import PERIOD_DAYS, Overview, overview
from feedback.domain.timing import last_occurrence
from feedback.errors import PublishError
from feedback.publish import pages
from feedback.shipped import shipped
from feedback.store import Store

KEEP = 3
TIMEOUT_S = 300
PUBLISH_HOUR = 5  # local time; figures change once a day, so that no reader can watch single answers arrive
TRY_AGAIN_AFTER = timedelta(hours=1)
CSP_FILE = "csp.txt"
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


def site_name(config: Config) -> str:
    """The line of mkdocs.yml that names the site after the business; the theme escapes nothing."""
    return f"site_name: {json.dumps(f'{html.escape(config.business_name)}: how we care')}\n"  # JSON is YAML


def is_due(store: Store, config: Config, now: datetime) -> bool:
    """Whether the day's build is missing; after a failure it is tried again each hour."""
    good, last = store.operations.good_builds(1), store.operations.last_build()
    if good and last_occurrence(PUBLISH_HOUR, now, config.zone) <= good[0].at <= now:
        return False  # one of a later moment was made in a trial
    return last is None or last.words is None or not now - TRY_AGAIN_AFTER < last.at <= now


def figures(store: Store, config: Config, now: datetime) -> Overview:
    """Today's overview, from the rows."""
    since = now - timedelta(days=PERIOD_DAYS + 2)  # a margin for local days; the overview cuts exactly
    return overview(store.surveys.asked_since(since), now, config.zone)


def publish(store: Store, config: Config, sources: Sources, target: Path, now: datetime) -> Published:
    """Build the site and make `target/current` point at it.

    A build that fails raises PublishError and leaves `current` as it was. The newest KEEP builds stay.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        if (target / "current").exists() and not (target / "current").is_symlink():
            raise PublishError(f"{target / 'current'} is not a link of ours. Choose another folder with --to.")
        build = Path(tempfile.mkdtemp(prefix=".building-", dir=target))
    except OSError as error:
        raise PublishError(f"The folder {target} cannot be written: {error.strerror}.") from None
    try:
        with tempfile.TemporaryDirectory(prefix="feedback-site-") as folder:
            work = Path(folder)
            current = figures(store, config, now)
            _lay_out(work, sources, current, config, now)
            _run_mkdocs(work)
            shutil.copytree(work / "out", build, dirs_exist_ok=True)
        (build / CSP_FILE).write_text(content_security_policy(build) + "\n", "utf-8")
        build.chmod(0o755)  # mkdtemp makes 0700, which a web server of another user cannot read
        build = build.rename(target / f"build-{now:%Y%m%dT%H%M%SZ}-{build.name[-8:]}")
        _point(target / "current", build)
    except OSError as error:
        shutil.rmtree(build, ignore_errors=True)
        raise PublishError(f"The site could not be written: {error}. The old one stays.") from error
    except BaseException:
        shutil.rmtree(build, ignore_errors=True)
        raise
    _tidy(target, build)
    return Published(build, pages.headline(current))


def _tidy(target: Path, newest: Path) -> None:
    """Keep the newest builds, and sweep up what a killed one has left. Another publisher may do so as well."""
    with suppress(OSError):
        builds = sorted(target.glob("build-*"), key=lambda build: build.stat().st_mtime)
        for old in [build for build in builds if build != newest][: -(KEEP - 1)]:
            shutil.rmtree(old, ignore_errors=True)
        for unfinished in target.glob(".building-*"):
            if newest.stat().st_mtime - unfinished.stat().st_mtime > 2 * TIMEOUT_S:
                shutil.rmtree(unfinished, ignore_errors=True)


def content_security_policy(folder: Path) -> str:
    """A policy that allows the built pages' own inline scripts by their hashes, and no others."""
    hashes: set[str] = set()
    for page in folder.rglob("*.html"):
        for match in _SCRIPT.finditer(page.read_bytes()):
            if b"src=" not in match["attributes"] and match["body"].strip():
                digest = base64.b64encode(hashlib.sha256(match["body"]).digest()).decode()
                hashes.add(f"'sha256-{digest}'")
    scripts = " ".join(["'self'", *sorted(hashes)])
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def _lay_out(work: Path, sources: Sources, current: Overview, config: Config, now: datetime) -> None:
    """The overlay: pages with their figures, the generated page, and a configuration that inherits the owner's."""
    shutil.copytree(sources.pages, work / "site")
    shutil.copy(sources.configuration, work / "base.yml")
    named = pages.boxes(current)
    for page in (work / "site").rglob("*.md"):
        name = str(page.relative_to(work / "site"))
        try:
            page.write_text(pages.fill(page.read_text("utf-8"), named, name), "utf-8")
        except UnicodeDecodeError:
            raise PublishError(f"The page {name} is not UTF-8. Save it as UTF-8. The old site stays.") from None
    (work / "site" / pages.FIGURES_PAGE).write_text(pages.figures_page(current, config, now), "utf-8")
    overlay = "INHERIT: base.yml\ndocs_dir: site\nsite_dir: out\n"
    if sources.is_default:
        overlay += site_name(config)
    (work / "mkdocs.yml").write_text(overlay, "utf-8")


def _run_mkdocs(work: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", "mkdocs.yml"]
    environment = {"NO_MKDOCS_2_WARNING": "1", "PYTHONUTF8": "1", "HOME": str(work)}  # nothing of ours, secrets least
    try:
        subprocess.run(
            command, cwd=work, env=environment, check=True, timeout=TIMEOUT_S, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise PublishError(f"The site was not built within {TIMEOUT_S} s. The old one stays.") from None
    except subprocess.CalledProcessError as error:
        words = "\n".join(str(error.stdout).strip().splitlines()[-8:])
        raise PublishError(f"The site could not be built; the old one stays. mkdocs says:\n{words}") from None


def _point(link: Path, build: Path) -> None:
    fresh = link.with_name(f".{build.name}.link")
    fresh.symlink_to(build.name)
    os.replace(fresh, link)

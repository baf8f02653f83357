"""Makes the pictures of the README from the demo: `make pictures`. It needs Chromium."""

import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).parent / "pictures"
PHONE = {"width": 390, "height": 700}
DESKTOP = {"width": 1080, "height": 860}
CHROMIUM_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("No Chromium found. Install the package chromium.")
    FOLDER.mkdir(exist_ok=True)
    with demo() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        letter, link, password = mail(browser, url)
        take(open_page(browser, letter, PHONE), "mail")
        page = open_page(browser, link, PHONE)
        take(page, "page")
        page = open_page(browser, f"{url}/desk/", DESKTOP)
        page.get_by_label("Your mail address").fill("mara@brightwell.example")
        page.get_by_label("Your password").fill(password)
        page.get_by_role("button", name="Log in").click()
        take(page, "desk")
        take(open_page(browser, f"{url}/figures/", DESKTOP), "site")
        browser.close()


@contextmanager
def demo() -> Iterator[str]:
    """The address of a demo that runs meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "feedback", "demo", "--port", str(port)]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"(http://\S+)/demo/", line):
                break
        else:
            sys.exit("The demo did not start.")
        try:
            yield found[1]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)


def mail(browser: Browser, url: str) -> tuple[str, str, str]:
    """The newest survey mail alone, the “no” link in it, and the password for the desk."""
    page = open_page(browser, f"{url}/demo/", DESKTOP)
    password = re.search(r"with the password (.+?)\. ", page.inner_text("#step-4"))
    page.get_by_role("link", name="Open a mail, to").click()
    link = re.search(r"http\S+/no", page.inner_text("p.letter"))
    assert password is not None
    assert link is not None
    return f"{page.url}/letter", link[0], password[1]


def open_page(browser: Browser, url: str, size: dict[str, int]) -> Page:
    page = browser.new_context(viewport=size, device_scale_factor=2, bypass_csp=True).new_page()  # type: ignore[arg-type]
    page.goto(url)
    return page


def take(page: Page, name: str) -> None:
    """The page as a real business has it, without the line that says it is a demo."""
    page.add_style_tag(content=".demo-bar { display: none; }")
    time.sleep(0.3)
    page.screenshot(path=FOLDER / f"{name}.png")
    print(f"{FOLDER / name}.png")


if __name__ == "__main__":
    main()

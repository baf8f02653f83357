"""What an owner installs holds all that the program needs."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.conftest import ROOT


def test_the_wheel_carries_the_scheduler_the_default_site_and_every_data_file(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    data = f"{wheel.name.rsplit('-py3', 1)[0]}.data/data/share/feedback"
    wanted = {"scheduler.py", f"{data}/mkdocs.yml"}
    wanted |= {f"{data}/{path.relative_to(ROOT)}" for path in (ROOT / "site").rglob("*") if path.is_file()}
    wanted |= {f"{data}/{path.relative_to(ROOT)}" for path in (ROOT / "examples").glob("*.toml")}
    wanted |= {
        str(path.relative_to(ROOT))
        for path in (ROOT / "feedback").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= names
    assert not [name for name in names if name.startswith(("tests", "bench", "docs", "var"))]

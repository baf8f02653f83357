from pathlib import Path

import pytest

from feedback.publish.build import Sources


@pytest.fixture
def quick_site(tmp_path: Path) -> Sources:
    """A site of one page without the theme, built in a moment."""
    folder = tmp_path / "own"
    (folder / "site").mkdir(parents=True)
    (folder / "site" / "index.md").write_text("# Home\n\n<!-- figure: solved-rate -->\n")
    (folder / "mkdocs.yml").write_text("site_name: x\ndocs_dir: site\nsite_dir: out\ntheme: readthedocs\nplugins: []\n")
    return Sources(folder / "site", folder / "mkdocs.yml")

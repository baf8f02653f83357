"""What stands between two --- at the top of a page."""

import re
from typing import Any

import yaml

from feedback.errors import PublishError

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)


def split(markdown: str, page: str) -> tuple[dict[str, Any], str]:
    """Its values, all as text or lists of text, by their names in small letters; and the page without it.

    Raises PublishError, which names the page and the line.
    """
    front = _FRONT_MATTER.match(markdown)
    if front is None:
        return {}, markdown
    try:
        said = yaml.load(front[1], Loader=yaml.BaseLoader)  # noqa: S506 - it makes text of everything
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 2}" if where else ""
        raise PublishError(f"{page}{line}: expected lines such as “owner: Mara” between the two --- .") from None
    values = {str(name).lower(): value for name, value in said.items()} if isinstance(said, dict) else {}
    return values, markdown[front.end() :]

"""What is laid over a hand-written site: a configuration that inherits the owner's, the colour, the logo."""

import html
import json
import re
from collections.abc import Collection
from pathlib import Path
from string import Template
from typing import Any

import yaml

from feedback.config import Config
from feedback.domain.colours import accent
from feedback.publish import faq
from feedback.shipped import shipped

BASE = "base.yml"  # the owner's configuration in the work folder
_THEME_BY_NAME = re.compile(r"(?m)^theme:[ \t]*([\"']?)([A-Za-z0-9_-]+)\1[ \t]*(?:#.*)?$")
_VALIDATION = {"nav": {"not_found": "warn", "omitted_files": "ignore"}}  # every page is there, generated ones too
_COLOURS = Template(
    "/* Written by each build, from FEEDBACK_COLOUR. */\n:root { --brand: $light; --brand-in-the-dark: $dark; }\n"
)


def site_name(config: Config) -> str:
    """The line of mkdocs.yml that names the site after the business; the theme escapes nothing."""
    return f"site_name: {json.dumps(f'{html.escape(config.business_name)}: how we care')}\n"  # JSON is YAML


def default_configuration(config: Config) -> str:
    """The mkdocs.yml that came with the program, named after the business: to begin a site of one's own with."""
    text = (shipped() / "mkdocs.yml").read_text("utf-8")
    return re.sub(r"(?m)^site_name:.*\n", lambda _: site_name(config), text)


def lay_over(work: Path, config: Config, *, name_it: bool, site_url: str | None, without: Collection[str]) -> None:
    """Write `mkdocs.yml` over the owner's, and colour and logo among the pages in `site/`.

    `without` names pages that the navigation leaves out.
    """
    owners = (work / BASE).read_text("utf-8", "replace")
    lines = [f"INHERIT: {BASE}\n", "docs_dir: site\n", "site_dir: out\n", f"validation: {json.dumps(_VALIDATION)}\n"]
    if name_it:
        lines.append(site_name(config))
    if site_url is not None:
        lines.append(f"site_url: {json.dumps(site_url)}\n")
    if leaves_feedback_to_us(work):
        lines.append(f"extra: {json.dumps({'analytics': {'feedback': faq.question(config)}})}\n")
    nav = _said(owners).get("nav")
    if without and isinstance(nav, list):
        lines.append(f"nav: {json.dumps(_left(nav, without))}\n")
    assets = work / "site" / "assets"
    assets.mkdir(exist_ok=True)
    colours = accent(config.colour)
    (assets / "brand.css").write_text(_COLOURS.substitute(light=colours.light, dark=colours.dark), "utf-8")
    if config.logo is not None:
        (assets / config.logo.name).write_bytes(config.logo.content)
        theme = dict.fromkeys(("logo", "favicon"), f"assets/{config.logo.name}")
        if named := _THEME_BY_NAME.search(owners):
            theme["name"] = named[2]  # a name alone would be replaced, where a table is merged with ours
        lines.append(f"theme: {json.dumps(theme)}\n")
    (work / "mkdocs.yml").write_text("".join(lines), "utf-8")


def leaves_feedback_to_us(work: Path) -> bool:
    """Whether the owner has set up no analytics, to which the theme's “Did this help?” would belong."""
    extra = _said((work / BASE).read_text("utf-8", "replace")).get("extra")
    return not (isinstance(extra, dict) and extra.get("analytics"))


def _said(configuration: str) -> dict[str, Any]:
    """What the owner's configuration says, if it can be read; what is wrong with it, the builder tells."""
    try:
        found = yaml.load(configuration, Loader=yaml.BaseLoader)  # noqa: S506 - it makes text of everything
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


def _left(nav: list[Any], without: Collection[str]) -> list[Any]:
    """The navigation without some pages, and without the sections that have become empty."""
    left: list[Any] = []
    for entry in nav:
        named = entry if isinstance(entry, dict) else {"": entry}
        for title, what in named.items():
            inside = _left(what, without) if isinstance(what, list) else what
            if inside and (isinstance(inside, list) or inside not in without):
                left.append({title: inside} if title else inside)
    return left

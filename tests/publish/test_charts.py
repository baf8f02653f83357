import xml.etree.ElementTree as ET
from datetime import date, timedelta

from feedback.domain.figures import Rate, Week
from feedback.publish.charts import weekly_solved

MONDAY = date(2026, 1, 5)
WEEKS = [
    Week(MONDAY, Rate(15, 20, 20), provisional=False),
    Week(MONDAY + timedelta(weeks=1), Rate(1, 3, 3, hidden=True), provisional=False),
    Week(MONDAY + timedelta(weeks=2), Rate(0, 0, 0), provisional=False),
    Week(MONDAY + timedelta(weeks=3), Rate(8, 16, 15), provisional=True),
]


def parts(chart: str) -> ET.Element:
    return ET.fromstring(chart)


def test_the_chart_is_well_formed_labelled_and_without_inline_style() -> None:
    chart = weekly_solved(WEEKS)
    svg = parts(chart).find("svg")
    assert svg is not None
    assert svg.get("role") == "img"
    assert svg.findtext("title") == "Solved rate by week of resolution"
    assert "style=" not in chart
    assert "\n\n" not in chart  # Markdown would end the figure there


def test_each_shown_week_has_a_mark_at_its_height_an_interval_and_its_n() -> None:
    root = parts(weekly_solved(WEEKS))
    circles = root.findall(".//circle")
    assert [circle.get("class") for circle in circles] == ["mark", "mark provisional"]
    zero, hundred = (float(line.get("y1", "")) for line in (root.findall(".//line")[0], root.findall(".//line")[4]))
    heights = [(zero - float(circle.get("cy", ""))) / (zero - hundred) for circle in circles]
    assert [round(height, 2) for height in heights] == [0.75, 0.5]
    assert [text.text for text in root.findall(".//text[@class='count']")] == ["20", "16"]


def test_the_table_says_the_same_and_hides_the_same() -> None:
    root = parts(weekly_solved(WEEKS))
    rows = [[cell.text for cell in row] for row in root.findall(".//tbody/tr")]
    assert rows == [
        ["2026-01-05", "75", "53–89", "20"],
        ["2026-01-12", "too few answers to show"],
        ["2026-01-19", "no answers"],
        ["2026-01-26", "50, provisional", "28–72", "16"],
    ]


def test_a_hidden_week_leaves_no_trace_of_its_numbers() -> None:
    hidden = weekly_solved([Week(MONDAY, Rate(1, 3, 3, hidden=True), provisional=False)])
    other = weekly_solved([Week(MONDAY, Rate(4, 4, 2, hidden=True), provisional=False)])
    assert hidden == other

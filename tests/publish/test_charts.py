import xml.etree.ElementTree as ET
from datetime import date, timedelta

from feedback.domain.periods import Span
from feedback.domain.published import HIDDEN, Period
from feedback.domain.rates import Rate
from feedback.publish.charts import NEWEST, trend

MONDAY = date(2026, 1, 5)


def week(k: int, rate: Rate, *, provisional: bool = False) -> Period:
    first = MONDAY + timedelta(weeks=k)
    return Period(first, first + timedelta(days=6), rate, provisional)


WEEKS = [
    week(0, Rate(15, 20, 20)),
    week(1, Rate(12, 20, 20)),
    week(2, HIDDEN),
    week(3, Rate(0, 0, 0)),
    week(4, Rate(8, 16, 15), provisional=True),
]


def drawn(weeks: list[Period]) -> str:
    return trend(weeks, "Solved by <week>", "weekly", Span.WEEK)


def test_the_chart_is_well_formed_labelled_and_without_inline_style() -> None:
    chart = drawn(WEEKS)
    svg = ET.fromstring(chart).find("svg")
    assert svg is not None
    assert svg.get("role") == "img"
    assert svg.findtext("title") == "Solved by <week>"
    assert "style=" not in chart
    assert "\n\n" not in chart  # Markdown would end the figure there


def test_each_shown_week_has_a_mark_at_its_height_and_its_n() -> None:
    root = ET.fromstring(drawn(WEEKS))
    circles = root.findall(".//circle")
    assert [circle.get("class") for circle in circles] == ["mark", "mark", "mark provisional"]
    zero, hundred = (float(line.get("y1", "")) for line in (root.findall(".//line")[0], root.findall(".//line")[4]))
    heights = [(zero - float(circle.get("cy", ""))) / (zero - hundred) for circle in circles]
    assert [round(height, 2) for height in heights] == [0.75, 0.6, 0.5]
    counts = [text.text for text in root.findall(".//text") if "count" in text.get("class", "")]
    assert counts == ["20", "20", "16"]


def test_the_line_and_its_band_are_broken_where_nothing_may_be_shown() -> None:
    root = ET.fromstring(drawn(WEEKS))
    (line,), (band,) = root.findall(".//polyline"), root.findall(".//polygon")
    assert len(line.get("points", "").split()) == 2
    assert len(band.get("points", "").split()) == 4
    (whisker,) = root.findall(".//line[@class='whisker']")  # of the week that stands alone
    assert whisker.get("x1") == root.findall(".//circle")[2].get("cx")


def test_the_table_says_the_same_and_hides_the_same() -> None:
    root = ET.fromstring(drawn(WEEKS))
    rows = [[cell.text for cell in row] for row in root.findall(".//tbody/tr")]
    assert rows == [
        ["5 January to 11 January 2026", "75", "53–89 %", "20"],
        ["12 January to 18 January 2026", "60", "39–78 %", "20"],
        ["19 January to 25 January 2026", "too few to show"],
        ["26 January to 1 February 2026", "no answers"],
        ["2 February to 8 February 2026, provisional", "50", "28–72 %", "16"],
    ]


def test_of_many_weeks_the_newest_are_drawn_and_the_table_has_all() -> None:
    weeks = [week(k, Rate(15, 20 + k, 20)) for k in range(NEWEST + 9)]
    root = ET.fromstring(drawn(weeks))
    assert len(root.findall(".//circle")) == NEWEST
    assert len(root.findall(".//tbody/tr")) == NEWEST + 9


def test_where_nothing_may_be_shown_there_is_no_chart() -> None:
    assert drawn([week(0, HIDDEN), week(1, Rate(0, 0, 0))]) == ""

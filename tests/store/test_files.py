import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.errors import FileError
from feedback.store.files import LINES_A_RECORD, BadRow, Row, open_records

Write = Callable[[str | bytes], Path]
Read = list[tuple[int, dict[str, object] | str]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to_file(content: str | bytes) -> Path:
        path = tmp_path / "cases.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return to_file


def read(path: Path) -> Read:
    """Each record's line with its values, or with `bad` and the start of what is wrong."""
    with open_records(path) as file:
        return [(row.line, row.values if isinstance(row, Row) else f"bad: {row.raw}") for row in file]


def bad_rows(path: Path) -> list[BadRow]:
    with open_records(path) as file:
        return [row for row in file if isinstance(row, BadRow)]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(write: Write, mark: str) -> None:
    path = write(f"ref{mark}subject\n1{mark}Printer\n")
    assert read(path) == [(2, {"ref": "1", "subject": "Printer"})]
    with open_records(path) as file:
        assert (file.delimiter, file.columns) == (mark, ["ref", "subject"])


def test_delimiters_within_a_quoted_name_do_not_count(write: Write) -> None:
    assert read(write('"a, b, c";ref\n1;2\n')) == [(2, {"a, b, c": "1", "ref": "2"})]


@pytest.mark.parametrize(
    "content",
    [
        '[{"ref": "1"}, {"ref": "2"}]',
        '[\n  {"ref": "1"},\n  {"ref": "2"}\n]\n',
        '{"cases": [{"ref": "1"}, {"ref": "2"}]}',
        '{\n  "cases": [\n    {"ref": "1"},\n    {"ref": "2"}\n  ]\n}\n',
        '{"ref": "1"}\n{"ref": "2"}\n',
        '{"ref": "1"}\r\n{"ref": "2"}',
        '\ufeff[{"ref": "1"}, {"ref": "2"}]',
        'ref\n"1"\n"2"\n',
    ],
    ids=["list", "list over lines", "cases", "cases over lines", "ndjson", "ndjson, CRLF", "list with BOM", "csv"],
)
def test_every_format_gives_the_same_records(write: Write, content: str) -> None:
    assert [values for _line, values in read(write(content))] == [{"ref": "1"}, {"ref": "2"}]


@pytest.mark.parametrize("content", ['{"ref": "1"}', '{\n"ref": "1"\n}'], ids=["on one line", "over lines"])
def test_a_single_json_object_is_a_file_of_one_record(write: Write, content: str) -> None:
    assert read(write(content)) == [(1, {"ref": "1"})]


def test_json_values_keep_their_types(write: Write) -> None:
    values = {"ref": 1, "name": None, "tags": ["a", "b"], "subject": "ü"}
    assert read(write(json.dumps([values]))) == [(1, values)]


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("cp1252", "cp1252"),
    ],
)
def test_the_encoding_is_detected_and_told(write: Write, encoding: str, told: str) -> None:
    path = write("ref,name\r\n1,Žofie “Müller” – 5 €\r\n".encode(encoding))
    assert read(path) == [(2, {"ref": "1", "name": "Žofie “Müller” – 5 €"})]
    with open_records(path) as file:
        assert file.encoding == told


@pytest.mark.parametrize("mark", [b"\xfe\xff", b"\xff\xfe"], ids=["big endian", "little endian"])
def test_utf_16_is_read_in_either_order(write: Write, mark: bytes) -> None:
    encoding = "utf-16-be" if mark == b"\xfe\xff" else "utf-16-le"
    assert read(write(mark + "ref\n1ü\n".encode(encoding))) == [(2, {"ref": "1ü"})]


def test_bytes_that_windows_1252_does_not_know_are_latin_1(write: Write) -> None:
    assert read(write("ref,name\n1,Jürgen \x81\n".encode("latin-1"))) == [(2, {"ref": "1", "name": "Jürgen \x81"})]


def test_an_odd_byte_late_in_a_large_file_still_decides_the_encoding(write: Write) -> None:
    lines = [b"ref,name", *(b"%d,plain" % n for n in range(200_000)), "last,Jürgen".encode("cp1252")]
    with open_records(write(b"\n".join(lines))) as file:
        assert file.encoding == "cp1252"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_quoted_fields_hold_line_ends_and_the_lines_after_them_are_still_right(write: Write, end: str) -> None:
    content = end.join(["ref,subject", '1,"one', "", 'two"', "2,three", ""])
    assert read(write(content)) == [
        (2, {"ref": "1", "subject": f"one{end}{end}two"}),
        (5, {"ref": "2", "subject": "three"}),
    ]


def test_blank_lines_are_no_rows_but_count_as_lines(write: Write) -> None:
    assert read(write("\n\nref,name\n\n1,a\n\n\n2,b\n\n")) == [
        (5, {"ref": "1", "name": "a"}),
        (8, {"ref": "2", "name": "b"}),
    ]


def test_a_file_of_a_header_only_has_columns_and_no_rows(write: Write) -> None:
    path = write("ref,name\r\n")
    assert read(path) == []
    with open_records(path) as file:
        assert file.columns == ["ref", "name"]


@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file_is_refused_as_empty(write: Write, content: bytes) -> None:
    with pytest.raises(FileError, match=r"is empty; expected a header line and rows, or JSON"):
        read(write(content))


def test_a_column_that_stands_twice_is_refused_by_name(write: Write) -> None:
    with pytest.raises(FileError, match="'name' stands twice"):
        read(write("ref,name,name\n1,a,b\n"))


def test_a_file_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"Cannot read .*gone\.csv: No such file"):
        read(tmp_path / "gone.csv")
    with pytest.raises(FileError, match="is not a regular file"):
        read(tmp_path)


def test_ragged_rows_come_out_in_their_place(write: Write) -> None:
    path = write("ref,name\n1,a\n2\n3,c,d\n4,e\n")
    assert read(path) == [
        (2, {"ref": "1", "name": "a"}),
        (3, "bad: 2"),
        (4, "bad: 3,c,d"),
        (5, {"ref": "4", "name": "e"}),
    ]
    assert [row.error.given for row in bad_rows(path)] == ["1 fields", "3 fields"]


@pytest.mark.parametrize(
    "end",
    [b"2,\xc3\xbc", b"2,\xe2\x82", b'2,"half', b'2,"half\n3,c,d\n'],
    ids=["fields missing", "cut within a character", "cut within quotes", "cut within quotes, lines before"],
)
def test_a_half_written_last_line_is_told_and_the_rows_before_it_stay(write: Write, end: bytes) -> None:
    path = write(b"ref,name,city\n1,a,K\xc3\xb6ln\n" + end)
    first, second, *_rest = read(path)
    assert first == (2, {"ref": "1", "name": "a", "city": "Köln"})
    assert second[0] == 3
    assert str(second[1]).startswith("bad: 2,")


def test_a_quote_never_closed_does_not_swallow_the_rows_after_it(write: Write) -> None:
    path = write('ref,name\n1,a\n2,"b\n3,c\n4,d\n')
    assert read(path) == [
        (2, {"ref": "1", "name": "a"}),
        (3, 'bad: 2,"b'),
        (4, {"ref": "3", "name": "c"}),
        (5, {"ref": "4", "name": "d"}),
    ]
    assert bad_rows(path)[0].error.expected == "a closing quote"


def test_quotes_never_closed_in_several_rows_cost_only_those_rows(write: Write) -> None:
    path = write('ref,name\n1,"a\n2,b\n3,"c" d\n4,"e, f"\n5,"g\n6,h\n')
    assert [(line, values) for line, values in read(path) if isinstance(values, dict)] == [
        (3, {"ref": "2", "name": "b"}),
        (5, {"ref": "4", "name": "e, f"}),
        (7, {"ref": "6", "name": "h"}),
    ]


def test_a_quote_that_stays_open_over_very_many_lines_is_given_up(write: Write) -> None:
    rows = [f"{n},x" for n in range(3, LINES_A_RECORD + 10)]
    found = read(write("\n".join(["ref,name", '2,"b', *rows, '9,"c"', ""])))
    assert found[0] == (2, 'bad: 2,"b')
    assert found[1:] == [
        *((int(row[:-2]), {"ref": row[:-2], "name": "x"}) for row in rows),
        (LINES_A_RECORD + 10, {"ref": "9", "name": "c"}),
    ]


def test_a_field_of_30_mb_is_read_whole(write: Write) -> None:
    huge = "x" * 30_000_000
    assert read(write(f'ref,subject\n1,"{huge}"\n2,b\n')) == [
        (2, {"ref": "1", "subject": huge}),
        (3, {"ref": "2", "subject": "b"}),
    ]


def test_a_field_longer_than_any_is_refused_in_its_place(write: Write) -> None:
    before = csv.field_size_limit(1_000)
    try:
        found = read(write(f"ref,subject\n1,{'x' * 1_001}\n2,b\n"))
    finally:
        csv.field_size_limit(before)
    assert [line for line, _values in found] == [2, 3]
    assert found[0][1] == f"bad: 1,{'x' * 998}…"
    assert found[1][1] == {"ref": "2", "subject": "b"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"ref": "1"}, {"ref": ', "is not whole JSON"),
        ('{\n"cases": [\n', "is not whole JSON"),
        ('{\n"cases": 5\n}', "expected a list of objects"),
        ("[" * 200_000, "is not whole JSON"),
        ("[\n" * 200_000, "is not whole JSON"),
        ("{\n" + '"a":{' * 200_000, "is not whole JSON"),
    ],
    ids=["cut list", "cut object", "no list", "deep, on one line", "deep, over lines", "deep objects"],
)
def test_broken_json_is_refused_with_its_name(write: Write, content: str, words: str) -> None:
    path = write(content)
    with pytest.raises(FileError, match=words) as raised:
        read(path)
    assert str(path) in str(raised.value)


def test_items_of_a_list_that_are_no_objects_are_refused_by_their_number(write: Write) -> None:
    assert read(write('[{"ref": "1"}, 7, {"ref": "3"}]')) == [(1, {"ref": "1"}), (2, "bad: 7"), (3, {"ref": "3"})]


@pytest.mark.parametrize(
    ("place", "broken"),
    [
        *((place, '{"ref": "2"') for place in (1, 2, 3)),
        *((place, '{"ref": ' + "[" * 200_000) for place in (1, 2, 3)),
        *((place, "[1, 2]") for place in (2, 3)),
        *((place, "nonsense") for place in (2, 3)),
    ],
)
def test_a_broken_line_of_ndjson_costs_that_line_only(write: Write, place: int, broken: str) -> None:
    lines = {1: '{"ref": "a"}', 2: '{"ref": "b"}', 3: '{"ref": "c"}', place: broken}
    shown = broken if len(broken) <= 1_000 else broken[:1_000] + "…"
    assert read(write("\n\n".join(lines.values()))) == [
        (2 * n - 1, f"bad: {shown}" if n == place else {"ref": "abc"[n - 1]}) for n in lines
    ]


def test_the_position_ends_at_the_size(write: Write) -> None:
    path = write("ref\n" + "1\n" * 50_000)
    with open_records(path) as file:
        begun = file.position
        for _ in file:
            pass
        assert begun < file.size == path.stat().st_size == file.position


def test_a_row_cut_within_its_last_character_is_not_taken_as_whole(write: Write) -> None:
    path = write(b"ref,name\n1,a\n2,Zo\xc3")
    assert [line for line, values in read(path) if isinstance(values, dict)] == [2]


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1))


@given(TABLES, st.sampled_from(",;\t|"), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_any_table_of_text_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, table: Sequence[Sequence[str]], mark: str, encoding: str
) -> None:
    columns = [f"column {n}" for n in range(len(table[0]))]
    text = io.StringIO()
    mark = mark if len(columns) > 1 else ","  # one name alone tells no delimiter
    csv.writer(text, delimiter=mark).writerows([columns, *table])
    path = tmp_path_factory.getbasetemp() / "table.csv"
    path.write_bytes(text.getvalue().encode(encoding))
    kept = [row for row in table if any(cell.strip() for cell in row)]  # an empty row says nothing
    assert [values for _line, values in read(path)] == [dict(zip(columns, row, strict=True)) for row in kept]

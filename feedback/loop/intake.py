"""Cases come in: from a file or the API, checked one by one, snapshot at each resolution."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from feedback.config import Config
from feedback.domain.cases import CaseRecord, CaseStatus, begins_resolution, parse_case
from feedback.domain.eligibility import Decision, Reason, Verdict
from feedback.errors import FieldError
from feedback.loop.asking import Asking
from feedback.loop.erasing import Erased, is_erased
from feedback.loop.importing import BATCH, FileReport, Kind, Progress, import_file, untold
from feedback.loop.mapping import CaseMapping
from feedback.loop.retaining import is_past
from feedback.store import Store
from feedback.store.cases import Change


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one record; `resolution` if it told of a new one, and what was decided about that, or anew."""

    change: Change
    resolution: bool
    decision: Decision | None


@dataclass(slots=True)
class ImportReport(FileReport):
    resolutions: int = 0
    without_moment: int = 0
    decisions: Counter[Reason] = field(default_factory=Counter)
    verdicts: Counter[Verdict] = field(default_factory=Counter)


def take_in(store: Store, asking: Asking, records: Sequence[CaseRecord], now: datetime) -> list[Taken]:
    """Create or update cases, at most BATCH of them, in one transaction; one result a record.

    What is about somebody who was erased is left out, and so is a case that is new here and older than we keep any.
    """
    assert len(records) <= BATCH
    with store.write():
        some_erased = store.erasures.exist()
        return [
            Taken(Change.SKIPPED, resolution=False, decision=None)
            if (some_erased and is_erased(store, asking.keys, record)) or is_past(store, asking.config, record, now)
            else _take_one(store, asking, record, now)
            for record in records
        ]


def _take_one(store: Store, asking: Asking, record: CaseRecord, now: datetime) -> Taken:
    saved = store.cases.save(record)
    if saved.change is Change.UNCHANGED:
        anew = asking.consider_unplanned(saved.last_id, now) if saved.last_id is not None else None
        return Taken(saved.change, resolution=False, decision=anew)
    is_new = begins_resolution(record, saved.last_resolved_at, was_open=saved.was_open)
    decision = None
    if is_new:
        resolution_id = store.cases.freeze_resolution(saved.id, saved.last_n + 1)
        decision = asking.consider(resolution_id, now)
    if saved.last_id is not None:
        if not is_new:
            store.cases.complete_resolution(saved.last_id)
        asking.consider(saved.last_id, now)
    return Taken(saved.change, is_new, decision)


def import_cases(
    store: Store,
    asking: Asking,
    config: Config,
    path: Path,
    mapping: CaseMapping | None,
    now: datetime,
    *,
    refused_folder: Path | None,
    progress: Progress = untold,
) -> ImportReport:
    """As `import_file`. Each case may stand in it once: the rows' order in time cannot be trusted."""
    report = ImportReport()
    zone = (mapping and mapping.file.zone) or config.zone
    seen: set[tuple[str, str]] = set()

    def parse(values: Mapping[str, object]) -> CaseRecord:
        record = parse_case(values, now=now, zone=zone)
        if (record.source, record.ref) in seen:
            expected = 'one row a case; for a log of updates set one_row_per = "update" in a mapping file'
            raise FieldError("ref", record.ref, expected)
        seen.add((record.source, record.ref))
        report.without_moment += record.status is CaseStatus.RESOLVED and record.resolved_at is None
        return record

    def take(records: list[CaseRecord]) -> None:
        for one in take_in(store, asking, records, now):
            report.changes[one.change] += 1
            report.resolutions += one.resolution
            if one.decision is not None:
                report.decisions[one.decision.reason] += 1
                report.verdicts[one.decision.verdict] += 1

    import_file(
        Kind(CaseMapping, parse, take),
        path,
        mapping,
        report,
        now,
        is_theirs=Erased(store, asking.keys),
        refused_folder=refused_folder,
        progress=progress,
    )
    return report

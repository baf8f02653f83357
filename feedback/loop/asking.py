"""Whether and when to ask: facts, decision and write in one transaction, every decision in the ledger."""

from datetime import datetime

from feedback.config import Config
from feedback.domain.cases import normalise_email
from feedback.domain.eligibility import Decision, Facts, Verdict, decide
from feedback.domain.surveys import SurveyState
from feedback.domain.timing import due_at
from feedback.keys import Keys
from feedback.store import Store
from feedback.store.surveys import ResolutionFacts

AT_ONCE = 50  # surveys a transaction


class Asking:
    """Decides about resolutions, with the parts that deciding needs."""

    def __init__(self, store: Store, keys: Keys, config: Config) -> None:
        self._store = store
        self.keys = keys
        self._config = config

    def consider(self, resolution_id: str, now: datetime) -> Decision | None:
        """Inside a write: decide about a resolution whose case or customer has changed. None if it is settled.

        A survey is planned unless the decision is to skip; a waiting one is cancelled if it is. One that was
        cancelled while it waited (a case marked as spam by mistake, say) waits again if nothing speaks against it now.
        """
        return self._consider(self._store.surveys.facts(resolution_id), now)

    def consider_unplanned(self, resolution_id: str, now: datetime) -> None:
        """Inside a write: as `consider`, but a survey that waits is left alone.

        For a record that says nothing new: its customer may have become known through another case.
        """
        facts = self._store.surveys.facts(resolution_id)
        if facts.survey_state is not SurveyState.WAITING:
            self._consider(facts, now)

    def _consider(self, facts: ResolutionFacts, now: datetime) -> Decision | None:
        if facts.is_settled:
            return None
        decision = self._decide(facts, now)
        self._store.surveys.note_decision(facts, decision, now)
        if decision.verdict is Verdict.SKIP:
            if facts.survey_state is SurveyState.WAITING and facts.survey_id is not None:
                self._store.surveys.cancel(facts.survey_id, decision.reason)
        elif facts.survey_id is None:
            self._store.surveys.plan(facts.id, due_at(facts.resolved_at, self._config))
        elif facts.survey_state is SurveyState.CANCELLED:
            self._store.surveys.revive(facts.survey_id)
        return decision

    def step(self, now: datetime) -> bool:
        """Decide again about the next surveys that are due, and put their mails into the outbox. False if none is due.

        Asked at most once: a survey leaves `waiting` in the transaction that queues its only mail.
        """
        with self._store.write():
            due = self._store.surveys.due(now, AT_ONCE)
            for survey_id, resolution_id in due:
                decision = self.consider(resolution_id, now)
                if decision is not None and decision.until is not None:
                    self._store.surveys.defer(survey_id, decision.until)
                elif (
                    decision is not None
                    and decision.verdict is Verdict.ASK
                    and self._store.surveys.mark_asked(survey_id, now)
                ):
                    self._store.outbox.queue_survey(survey_id, now)
        return bool(due)

    def still_wanted(self, resolution_id: str, now: datetime) -> tuple[Decision, str | None]:
        """Inside a write: decide once more, by the facts of this moment, just before the mail is handed over.

        With the address that it would go to now.
        """
        facts = self._store.surveys.facts(resolution_id)
        decision = self._decide(facts, now)
        if decision.verdict is not Verdict.ASK:
            self._store.surveys.note_decision(facts, decision, now)
        return decision, facts.address

    def _decide(self, facts: ResolutionFacts, now: datetime) -> Decision:
        address = facts.address
        suppression = (
            self._store.surveys.suppression(self.keys.address_hashes(normalise_email(address)))
            if address is not None
            else None
        )
        return decide(
            Facts(
                address=address,
                customer_ref=facts.customer_ref,
                suppression=suppression,
                asked_elsewhere=facts.asked_elsewhere and not facts.has_mail,
                has_open_follow_up=facts.has_open_follow_up,
                is_answered=facts.is_answered,
                status=facts.status,
                is_latest=facts.is_latest,
                resolved_at=facts.resolved_at,
                by_automation=facts.by_automation,
                topic=facts.topic,
                channel=facts.channel,
                tags=facts.tags,
            ),
            self._config,
            now,
        )

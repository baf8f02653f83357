"""Whether and when to ask: facts, decision and write in one transaction, every decision in the ledger."""

from dataclasses import replace
from datetime import datetime

from feedback.config import Config
from feedback.domain.audit import Action
from feedback.domain.cases import normalise_email
from feedback.domain.eligibility import TACT, Decision, Facts, Override, Reason, Verdict, decide, decide_reminder
from feedback.domain.surveys import Round, SurveyState
from feedback.domain.timing import next_moment
from feedback.errors import NotFound, Refused
from feedback.keys import Keys
from feedback.store import Store
from feedback.store.surveys import ResolutionStanding

AT_ONCE = 50  # surveys a transaction


class Asking:
    """Decides about resolutions, with the parts that deciding needs."""

    def __init__(self, store: Store, keys: Keys, config: Config) -> None:
        self._store = store
        self.keys = keys
        self.config = config

    def consider(self, resolution_id: str, now: datetime, round_: Round = Round.FIRST) -> Decision | None:
        """Inside a write: decide about a resolution whose case or customer has changed. None if it is settled.

        A survey is planned unless the decision is to skip; a waiting one is cancelled if it is. One that was
        cancelled while it waited (a case marked as spam by mistake, say) waits again if nothing speaks against it now.
        """
        return self._consider(self._store.surveys.standing(resolution_id, round_), now)

    def consider_unplanned(self, resolution_id: str, now: datetime) -> Decision | None:
        """Inside a write: as `consider`, but a survey that waits is left alone. None if the decision is what it was.

        For a record that says nothing new: its customer may have become known through another case. What was passed
        over out of tact stays so, or to import a file once more would ask.
        """
        standing = self._store.surveys.standing(resolution_id)
        is_tact = standing.last_decision is not None and standing.last_decision.reason in TACT
        if standing.survey_state is SurveyState.WAITING or is_tact:
            return None
        decision = self._consider(standing, now)
        return decision if decision != standing.last_decision else None

    def step(self, now: datetime) -> bool:
        """Decide again about the next surveys that are due, and put their mails into the outbox. False if none is due.

        Asked at most once: a survey leaves `waiting` in the transaction that queues its only mail. Reminders likewise.
        """
        with self._store.write():
            silent = self._store.surveys.to_remind(now, AT_ONCE)
            for survey_id, resolution_id in silent:
                reminder, _ = self.reminder_still_wanted(resolution_id, now)
                self._store.surveys.set_reminder(survey_id, reminder.until)
                if reminder.verdict is Verdict.ASK:
                    self._store.outbox.queue_reminder(survey_id, now)
            due = self._store.surveys.due(now, AT_ONCE)
            for survey_id, resolution_id, round_ in due:
                decision = self.consider(resolution_id, now, round_)
                is_ours = decision is not None and decision.verdict is Verdict.ASK
                if is_ours and self._store.surveys.mark_asked(survey_id, now):
                    self._store.outbox.queue_survey(survey_id, now)
        return bool(silent or due)

    def still_wanted(
        self, resolution_id: str, now: datetime, round_: Round = Round.FIRST
    ) -> tuple[Decision, str | None]:
        """Inside a write: decide once more, by the facts of this moment, just before the mail is handed over.

        With the address that it would go to now. A survey that is not to be asked is cancelled.
        """
        standing = self._store.surveys.standing(resolution_id, round_)
        decision = self._decide(standing, now)
        if decision.verdict is not Verdict.ASK:
            self._store.surveys.note_decision(standing, decision, now)
        if decision.verdict is Verdict.SKIP:
            self._withdraw(standing, decision.reason, now)
        return decision, standing.facts.address

    def sent_by_hand(self, resolution_id: str, now: datetime) -> Decision:
        """What would come of having it sent by hand: to ask, or what binds us not to. Raises NotFound."""
        return self._decide(_overridden(self._store.surveys.standing(resolution_id), Override.NOW), now)

    def decide_by_hand(self, resolution_id: str, wish: Override | None, staff_id: str, now: datetime) -> Decision:
        """Staff decide about one survey in place of the rules, or leave it to the rules again; what comes of it.

        Raises NotFound; Refused once the mail is under way, or if what binds us speaks against asking.
        """
        with self._store.write():
            if not self._store.staff.sees(staff_id, resolution_id):
                raise NotFound(f"There is no resolution {resolution_id} that you see.")
            standing = self._store.surveys.standing(resolution_id)
            if not standing.is_open_to_staff:
                raise Refused("Its mail has gone out by now, was refused, or is just going. See below where it stands.")
            self._store.surveys.set_override(resolution_id, wish)
            decision = self._decide(_overridden(standing, wish), now)
            if wish is Override.NOW and decision.verdict is Verdict.SKIP:
                raise Refused(f"It cannot be sent: {decision.reason.sentence}.")
            self._store.surveys.note_decision(standing, decision, now, staff_id)
            was, became = (one.value if one else "by the rules" for one in (standing.facts.override, wish))
            self._store.audit.note(staff_id, Action.DECIDE, resolution_id, now, was=was, became=became)
            if decision.verdict is Verdict.SKIP:
                if standing.survey_id is not None:
                    self._store.outbox.withdraw_survey(standing.survey_id, decision.reason.sentence)
                    self._withdraw(standing, decision.reason, now)
            elif standing.survey_id is not None and standing.delivery is not None:
                self._store.outbox.requeue_survey(standing.survey_id, decision.until or now)
                self._store.surveys.reinstate(standing.survey_id)
            else:
                self._store.surveys.plan(resolution_id, decision.until or now)
        return decision

    def ask_again(self, resolution_id: str, now: datetime) -> Decision | None:
        """Inside a write: staff say that they have helped after a "no". None if that is not asked, or was before.

        Nobody is reminded of the first question any more.
        """
        first = self._store.surveys.standing(resolution_id)
        if first.survey_id is not None:
            self._store.surveys.set_reminder(first.survey_id, None)
        return self.consider(resolution_id, now, Round.AGAIN) if self.config.recheck else None

    def has_failed(self, resolution_id: str, now: datetime) -> None:
        """Inside a write: the survey's mail was refused for good. What was passed over for its sake has its turn."""
        self._consider_passed_over(self._store.surveys.standing(resolution_id), now)

    def plan_reminder(self, survey_id: str, resolution_id: str, now: datetime) -> None:
        """Inside a write: the survey's mail went out just now; if reminders are on, one waits for its moment."""
        if self.config.reminder:
            facts = self._store.surveys.standing(resolution_id).facts
            moment = next_moment(now + self.config.reminder, facts.whereabouts, self.config)
            self._store.surveys.set_reminder(survey_id, moment.at)

    def reminder_still_wanted(self, resolution_id: str, now: datetime) -> tuple[Decision, str | None]:
        """As `still_wanted`, for the reminder of a survey whose mail went out."""
        standing = self._store.surveys.standing(resolution_id)
        sent_to, sent_at = standing.recipient, standing.handed_over_at
        facts = self._with_what_is_known(standing, sent_at)
        is_past = self._store.surveys.standing(resolution_id, Round.AGAIN).survey_id is not None
        if sent_to is None or sent_at is None or is_past:  # staff have it sent again, it was erased, or asked again
            return Decision(Verdict.SKIP, Reason.TOO_LATE), facts.address
        decision = decide_reminder(facts, sent_to, sent_at, self.config, now)
        if decision != standing.last_decision:
            self._store.surveys.note_reminder(standing, decision, now)
        return decision, facts.address

    def _consider(self, standing: ResolutionStanding, now: datetime) -> Decision | None:
        if standing.is_settled:
            return None
        decision = self._decide(standing, now)
        self._store.surveys.note_decision(standing, decision, now)
        if decision.verdict is not Verdict.SKIP:
            self._store.surveys.plan(standing.id, decision.until or now, standing.facts.round)
        elif standing.survey_state is SurveyState.WAITING:
            self._withdraw(standing, decision.reason, now)
        return decision

    def _withdraw(self, standing: ResolutionStanding, reason: Reason, now: datetime) -> None:
        """A survey is not asked after all. What the person was not asked for its sake has its turn again."""
        assert standing.survey_id is not None
        self._store.surveys.cancel(standing.survey_id, reason)
        self._consider_passed_over(standing, now)

    def _consider_passed_over(self, standing: ResolutionStanding, now: datetime) -> None:
        if standing.facts.address is not None:
            since = now - self.config.max_age
            for resolution_id in self._store.surveys.passed_over(standing.id, standing.facts.address, since):
                self.consider(resolution_id, now)

    def _decide(self, standing: ResolutionStanding, now: datetime) -> Decision:
        rest = self.config.ask_again_after
        facts = self._with_what_is_known(standing, now - rest if rest else None)
        return decide(facts, self.config, now)

    def _with_what_is_known(self, standing: ResolutionStanding, since: datetime | None) -> Facts:
        """The facts with what is known by the address: suppression, and contacts since a moment."""
        facts, address, surveys = standing.facts, standing.facts.address, self._store.surveys
        if address is None:
            return facts
        facts = replace(facts, suppression=surveys.suppression(self.keys.address_hashes(normalise_email(address))))
        if since is None:
            return facts
        due_since = since - self.config.max_age  # a survey is due before its mail goes
        return replace(facts, contacts=surveys.contacts(standing.id, address, due_since))


def _overridden(standing: ResolutionStanding, wish: Override | None) -> ResolutionStanding:
    return replace(standing, facts=replace(standing.facts, override=wish))

"""The engine's and the bot's own sentences, in one language; their English stands in `phrases.yaml`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


def _english(one: str, other: str, n: int) -> str:
    return one if n == 1 else other


@dataclass(frozen=True, slots=True)
class Plural:
    """A sentence whose words depend on a number, as gettext knows it."""

    one: str
    other: str
    choose: Callable[[str, str, int], str] = field(default=_english, compare=False)

    def of(self, n: int) -> str:
        return self.choose(self.one, self.other, n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """Each field is a text for people; what it is for stands beside it in `phrases.yaml`."""

    # said by the engine
    yes: str
    no: str
    skip: str
    prefer_not_to_say: str
    hint_scale: str
    hint_one: str
    hint_several: str
    hint_press: str
    done: str
    hint_number: str
    hint_date: str
    hint_skip: str
    not_understood: str
    explain_scale: str
    explain_one: str
    explain_several: str
    explain_number: str
    explain_date: str
    explain_text: str
    offer_person: str
    needed: str
    first_question: str
    paused: str
    welcome_back: Plural
    nudge: str
    earlier_button: str
    date_noted: str
    text_cut: str
    flow_changed: str
    somewhere_else: str
    which_place: str
    hint_hours: str
    hours_noted: str
    tomorrow: str
    hard_times: str
    explain_nickname: str
    explain_place: str
    explain_hours: str

    # said by the bot around the flows
    hello: str
    help: str
    stopped: str
    welcome_again: str
    languages: str
    language_changed: str
    language_unavailable: str
    person: str
    call_us: str
    nothing_open: str
    only_text: str
    command_checkin: str
    command_help: str
    command_language: str
    command_stop: str
    crisis: str
    handover_taken: str
    handover_ended: str
    handover_nobody: str
    topic_left: str
    topic_newsletter: str
    topic_invitations: str
    topic_questionnaires: str
    topic_carer: str
    topic_quotes: str
    code_wrong: str
    code_too_many: str
    link_code: str
    linked: str
    carer_code: str
    carer_now: str
    scope_nothing: str
    scope_reminders: str
    scope_help: str
    scope_answer: str
    carer_linked: str
    carer_welcome: str
    carer_how_to_answer: str
    carer_ended: str
    unlinked: str
    no_carer: str
    carer_reminder: str
    carer_question: str
    carer_answering: str
    carer_no_question: str
    answered_for_you: str
    me_again: str
    who_writes: str
    hello_name: str
    phone_shared: str
    call_noted: str
    my_data_head: str
    my_data_language: str
    my_data_since: str
    my_data_gets: str
    my_data_gets_nothing: str
    my_data_about: str
    my_data_counts: str
    my_data_file: str
    my_data_no_file: str
    my_data_rights: str
    forgotten: str
    deleted_last: str
    nothing_to_delete: str
    knock: str
    offer_language: str
    staff_welcome: str
    staff_page: str
    staff_distress: str
    staff_person: str
    staff_stuck: str
    staff_low_score: str
    staff_call: str
    staff_drill: str
    staff_took: str
    staff_stopped: str
    staff_took_drill: str
    staff_gone: str
    staff_taken_by: str
    staff_done: str
    staff_open: str
    staff_none: str
    command_join: str
    command_needs: str
    command_carer: str
    command_mydata: str
    booked: str
    booked_already: str
    waiting_place: str
    booking_line: str
    waiting_line: str
    bookings_tail: str
    bookings_none: str
    declined: str
    event_gone: str
    first_part_needed: str
    not_for_you: str
    offer_passed: str
    offer_ended: str
    event_reminder: str
    event_reminder_discreet: str
    carer_event_reminder: str
    staff_stopped_booking: str
    staff_worried: str
    outside_told: str
    outside_team: str
    outside_where: str
    staff_outside: str
    interest_noted: str
    interest_known: str
    opportunity_withdrawn: str
    certificate: str
    staff_event: str
    staff_event_draft: str
    staff_event_published: str
    staff_event_called_off: str
    staff_event_places: str
    staff_event_orders: str
    staff_event_none: str
    staff_event_made: str
    staff_event_done: str
    staff_event_refused: str
    staff_list_tail: str
    staff_list_page: str
    staff_list_empty: str
    staff_came: str
    command_events: str
    command_bookings: str
    staff_at_the_door: str
    carer_event_changed: str
    carer_event_off: str
    staff_call_off_sure: str
    staff_tasks: str
    staff_task: str
    staff_tasks_off: str
    staff_need_interpreter: str
    staff_need_bsl: str
    staff_need_large_print: str
    staff_need_diet: str
    staff_need_transport: str
    staff_need_quiet_space: str
    staff_need_wheelchair: str
    staff_need_companion: str
    staff_need_one_to_one: str
    event_access: str
    access_step_free: str
    access_accessible_toilet: str
    access_quiet_room: str
    access_hearing_loop: str
    access_parking: str
    access_near_bus: str
    event_spoken: str
    event_food: str
    staff_coordinators_only: str
    staff_second_part: str
    staff_event_days: str
    staff_event_lacks: str
    staff_opportunity: str
    staff_opportunity_open: str
    staff_opportunity_closed: str
    staff_opportunity_orders: str
    staff_opportunity_none: str
    staff_opportunity_made: str
    staff_withdraw_sure: str
    news_head: str
    news_first: str
    news_yours: str
    news_others: str
    news_event: str
    news_link: str
    news_page: str
    news_tail: str
    news_none: str
    news_more: str
    news_quote: str
    news_earlier: str
    news_no_earlier: str
    news_languages: str
    news_call: str
    staff_news_unsent: str
    staff_news_owed: str
    command_news: str

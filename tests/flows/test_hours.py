"""The times that suit people, as they type them in each language, and what is understood."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.hours import ALL_DAYS, PreferredHours
from flows.fold import fold
from flows.hours import read_hours
from flows.words import HourWords, WordsBehind, lexicon
from tests.flows.shipped import LANGUAGES, library, listed, words

TRANSLATED = tuple(tag for tag in listed() if tag not in ("en", "en-simple"))

#: Text and what is stored for it, without the days where all seven suit.
ENGLISH = [
    # after and before
    ("after 11", "11:00-00:00"), ("from 11", "11:00-00:00"), ("after 5", "17:00-00:00"), ("after 7", "19:00-00:00"),
    ("after 8", "08:00-00:00"), ("after 12", "12:00-00:00"), ("before 12", "00:00-12:00"), ("before 4", "00:00-16:00"),
    ("not before 11", "11:00-00:00"), ("not after 8", "00:00-20:00"), ("not until 12", "12:00-00:00"),
    ("no later than 8pm", "00:00-20:00"), ("no earlier than 10", "10:00-00:00"), ("until 9", "00:00-21:00"),
    ("please don't text me before 11", "11:00-00:00"), ("6pm or later", "18:00-00:00"),
    ("10 onwards", "10:00-00:00"), ("from 10 onwards", "10:00-00:00"), ("8pm at the latest", "00:00-20:00"),
    ("not before 10 or after 8", "10:00-20:00"), ("after 10, not after 8", "10:00-20:00"),
    ("not before 10 and not after 8pm", "10:00-20:00"), ("not before 10 and before 8", "10:00-20:00"),
    ("before 8 but after 5", "17:00-20:00"), ("out until 5", "17:00-00:00"), ("until midnight", "00:00-00:00"),
    # spans
    ("between 10 and 12", "10:00-12:00"), ("9.30 till noon", "09:30-12:00"), ("10 to 4", "10:00-16:00"),
    ("2 to 4", "14:00-16:00"), ("2 to 4 pm", "14:00-16:00"), ("10 to 4 pm", "10:00-16:00"), ("9am-9pm", "09:00-21:00"),
    ("9-5", "09:00-17:00"), ("7 to 3", "07:00-15:00"), ("7 to 20", "07:00-20:00"), ("6 to 8", "18:00-20:00"),
    ("7 to 7", "07:00-19:00"), ("8 to 8", "08:00-20:00"), ("noon to 3", "12:00-15:00"), ("12 to 4", "12:00-16:00"),
    ("12 noon to 4pm", "12:00-16:00"), ("10 to 16", "10:00-16:00"), ("0930-1600", "09:30-16:00"),
    ("16:00-20:00", "16:00-20:00"), ("10.30am - 12.30pm", "10:30-12:30"), ("11h30-14h", "11:30-14:00"),
    ("10 a.m. to 4 p.m.", "10:00-16:00"), ("10 o'clock till 4 o\u2019clock", "10:00-16:00"), ("10–4", "10:00-16:00"),
    ("10 30 to 12", "10:30-12:00"), ("between ten and four", "10:00-16:00"), ("after eleven", "11:00-00:00"),
    ("half past nine to twelve", "09:30-12:00"), ("half 9 to 12", "09:30-12:00"),
    ("quarter to 5 till 7", "16:45-19:00"),
    ("quarter to one till 3", "12:45-15:00"), ("8 to 11pm", "20:00-23:00"), ("5pm to midnight", "17:00-00:00"),
    ("5 to midnight", "17:00-00:00"), ("10 to midnight", "10:00-00:00"), ("4 to 6 am", "04:00-06:00"),
    # parts of a day
    ("evenings", "17:00-00:00"), ("mornings only", "00:00-12:00"), ("evenings 5 to 8", "17:00-20:00"),
    ("evenings, 5 to 8", "17:00-20:00"), ("evenings, 8 to 10", "20:00-22:00"), ("mornings, 9 to 1", "09:00-12:00"),
     ("mornings after 9", "09:00-12:00"),
    ("evenings until 9", "17:00-21:00"), ("after 6 in the evening", "18:00-00:00"), ("not mornings", "12:00-00:00"),
    ("mornings no, evenings yes", "17:00-00:00"), ("not mornings or evenings", "12:00-17:00"),
    ("mornings and afternoons", "00:00-18:00"), ("No. Evenings", "17:00-00:00"), ("during the day", "00:00-18:00"),
    ("not mornings but evenings", "17:00-00:00"), ("after lunch", "12:00-00:00"),
    ("good morning, after 1", "13:00-00:00"),
    ("I am free after 5", "17:00-00:00"), ("after 5 I am free", "17:00-00:00"), ("before the evening", "00:00-17:00"),
    # any time
    ("any time", "00:00-00:00"), ("don't mind", "00:00-00:00"), ("I do not mind when", "00:00-00:00"),
    ("whenever", "00:00-00:00"), ("24/7", "00:00-00:00"), ("any time after 12", "12:00-00:00"),
    # days
    ("Tuesday and Thursday", "00:00-00:00 13"), ("tues or thurs", "00:00-00:00 13"), ("fri to mon", "00:00-00:00 0456"),
    ("mon-wed-fri", "00:00-00:00 024"), ("between monday and friday", "00:00-00:00 01234"),
    ("monday until friday", "00:00-00:00 01234"), ("Mon/Wed/Fri", "00:00-00:00 024"), ("weekends", "00:00-00:00 56"),
    ("not weekends", "00:00-00:00 01234"), ("sundays are out", "00:00-00:00 012345"),
    ("mondays yes, tuesdays no", "00:00-00:00 0"), ("on tuesdays I am free", "00:00-00:00 1"),
    ("any one of tues or thurs", "00:00-00:00 13"), ("tuesdays no", "00:00-00:00 023456"),
    ("tues pm", "12:00-00:00 1"), ("I can't do Tuesdays", "00:00-00:00 023456"),
    ("any time but not sunday", "00:00-00:00 012345"), ("every day but sunday", "00:00-00:00 012345"),
    ("weekdays but friday", "00:00-00:00 0123"), ("not tuesday, thursday is fine", "00:00-00:00 3"),
    ("not mondays but tuesdays", "00:00-00:00 1"), ("not tuesdays, otherwise fine", "00:00-00:00 023456"),
    ("not on Monday or Friday please", "00:00-00:00 12356"), ("neither mon, tue nor wed", "00:00-00:00 3456"),
    # both
    ("after 11, not Tuesdays", "11:00-00:00 023456"), ("not tuesday, after 11", "11:00-00:00 023456"),
    ("After 11. Not Tuesdays.", "11:00-00:00 023456"), ("Not tuesdays. Evenings are best", "17:00-00:00 023456"),
    ("mon-fri 10 to 4", "10:00-16:00 01234"), ("from monday to friday 9 to 5", "09:00-17:00 01234"),
    ("weekdays after 5", "17:00-00:00 01234"), ("tues and thurs afternoons", "12:00-18:00 13"),
    ("10am-2pm mon wed fri", "10:00-14:00 024"), ("weekdays: 10:00 to 16:00", "10:00-16:00 01234"),
    ("monday - 10 to 12", "10:00-12:00 0"), ("mon 10-4, tue 10-4", "10:00-16:00 01"),
    ("Tuesdays and Thursdays, but not before 11", "11:00-00:00 13"), ("no mornings no weekends", "12:00-00:00 01234"),
    ("not mornings or weekends", "12:00-00:00 01234"), ("after 11 and not tuesday", "11:00-00:00 023456"),
    ("Monday to Friday, 10am until 3pm, but not Wednesday", "10:00-15:00 0134"),
]  # fmt: skip

#: More than can be kept, less than can be placed, or two readings.
ENGLISH_UNCLEAR = [
    # a number without a place
    "11", "8am", "at 10", "10 or 11", "after 25", "after 10:75", "after 24:30", "2 days", "after 2 days", "10-", "3 at",
    "after the 9th", "25 March", "call me on 07700900123", "after 5 twice, 2 texts", "thursdays 2ish", "after 1137",
    # more than one span of the day
    "before 12 or after 3", "after 3 or before 12", "10-12 or 2-4", "mornings and evenings", "not afternoons",
    "not between 12 and 2", "not 10 to 12", "12-2 not good", "mon 10-12, wed 2-4", "tues after 2, thurs before 4",
    "evenings and weekends", "weekends or after 5", "weekdays after 5, weekends any time", "mon after 5, wed",
    "mornings weekdays, weekends afternoons", "10pm to 6", "22:00-06:00", "Mondays 9-12 and 2-4",
    # two readings
    "not tuesday after 11", "not tuesday mornings", "not mornings, tuesdays", "mondays, tuesdays no", "not after 10",
    "7 to 9", "6 to 12", "mondays but evenings", "not tuesday thursday is fine", "not mondays and after 5",
    "any time except sunday mornings", "mornings, no", "tuesday mornings no", "mon to wed to fri", "until the morning",
    "after 9, not after 10", "after 9am, not after 10", "before 10, after 3", "from 00:00",
    # a time of something else
    "I work till 5", "asleep until 11", "after work", "until my carer comes", "after tuesday", "evenings, not sure",
    # none at all
    "", "hello", "no", "never", "not at all", "don't text me", "maybe", "good evening", "?", "11 " * 60,
    "not mon, tue, wed, thu, fri, sat, sun", "any time " * 20,
]  # fmt: skip

POLISH = [
    ("po 11, nie we wtorki", "11:00-00:00 023456"), ("we wtorki nie", "00:00-00:00 023456"),
    ("wtorek nie, środa tak", "00:00-00:00 2"), ("od 10 do 16", "10:00-16:00"), ("między 10 a 16", "10:00-16:00"),
    ("od poniedziałku do piątku 10-16", "10:00-16:00 01234"), ("pn-pt po 17", "17:00-00:00 01234"),
    ("śr. i pt. po 15", "15:00-00:00 24"), ("rano", "00:00-12:00"), ("po południu", "12:00-18:00"),
    ("przed południem", "00:00-12:00"), ("po południu od 3", "15:00-18:00"), ("8 rano do 3 po południu", "08:00-15:00"),
    ("nie przed 11", "11:00-00:00"), ("nie po 20", "00:00-20:00"), ("nie wcześniej niż 10", "10:00-00:00"),
    ("nie później niż 18", "00:00-18:00"), ("po jedenastej", "11:00-00:00"),
    ("od dziesiątej do szesnastej", "10:00-16:00"), ("wpół do 10 do 12", "09:30-12:00"), ("do 12", "00:00-12:00"),
    ("codziennie oprócz niedzieli", "00:00-00:00 012345"), ("ale tylko w środy", "00:00-00:00 2"),
    ("nie w weekendy", "00:00-00:00 01234"), ("obojętnie", "00:00-00:00"), ("nie ma znaczenia", "00:00-00:00"),
    ("dzień dobry, proszę pisać do mnie po godz. 11", "11:00-00:00"),
]  # fmt: skip
POLISH_UNCLEAR = ["11", "po 25", "o 10", "przed 12 lub po 15", "rano albo wieczorem", "po pracy", "to 10 a nie 11"]

ROMANIAN = [
    ("dupa 11, nu marti", "11:00-00:00 023456"), ("după 11 și nu marți", "11:00-00:00 023456"),
    ("marți nu", "00:00-00:00 023456"), ("de la 10 la 16", "10:00-16:00"), ("între 10 și 16", "10:00-16:00"),
    ("între orele 10 și 12", "10:00-12:00"), ("de luni la vineri", "00:00-00:00 01234"),
    ("de luni până vineri 10-16", "10:00-16:00 01234"), ("lun.-vin. după 5", "17:00-00:00 01234"),
    ("până seara", "00:00-17:00"), ("până la prânz", "00:00-12:00"), ("de dimineață până la prânz", "00:00-12:00"),
    ("după-amiaza", "12:00-18:00"), ("după masă", "12:00-18:00"), ("marți și joi după-amiaza", "12:00-18:00 13"),
    ("nu înainte de 11", "11:00-00:00"), ("nu mai târziu de 18", "00:00-18:00"),
    ("cel mai devreme la 10", "10:00-00:00"),
    ("10 și jumătate până la 12", "10:30-12:00"), ("după ora 11", "11:00-00:00"), ("după zece", "10:00-00:00"),
    ("oricând, în afară de duminică", "00:00-00:00 012345"), ("nu contează", "00:00-00:00"),
    ("în timpul săptămânii după 17", "17:00-00:00 01234"), ("la sfârșitul săptămânii", "00:00-00:00 56"),
    ("bună seara, după 11", "11:00-00:00"),
    # "I have", "you", "I come" and "to me" are no morning, Tuesday, Friday and Wednesday
    ("după 5 am timp", "17:00-00:00"), ("tu poți scrie după 12", "12:00-00:00"), ("vin marți", "00:00-00:00 1"),
    ("mie îmi convine joi", "00:00-00:00 3"),
]  # fmt: skip
ROMANIAN_UNCLEAR = [
    "11", "la 10", "după 25", "seara la 8", "înainte de 12 sau după 15", "lucrez până la 16", "mie", "vin", "am", "tu",
    "mie-vin",
]  # fmt: skip

URDU = [
    ("11 کے بعد", "11:00-00:00"), ("۱۱ بجے کے بعد", "11:00-00:00"), ("گیارہ بجے کے بعد", "11:00-00:00"),
    ("منگل نہیں", "00:00-00:00 023456"), ("منگل کے علاوہ", "00:00-00:00 023456"),
    ("سوائے اتوار کے", "00:00-00:00 012345"), ("جمعہ کے علاوہ 11 کے بعد", "11:00-00:00 012356"),
    ("11 کے بعد منگل نہیں", "11:00-00:00 023456"), ("صبح 11 سے شام 6، مگر منگل نہیں", "11:00-18:00 023456"),
    ("منگل کو نہیں، جمعرات کو ٹھیک ہے", "00:00-00:00 3"), ("ہفتہ", "00:00-00:00 5"), ("ہفتہ اتوار", "00:00-00:00 56"),
    ("پورا ہفتہ", "00:00-00:00"), ("پورا ہفتہ 10 سے 4", "10:00-16:00"), ("پیر سے جمعہ", "00:00-00:00 01234"),
    ("پیر سے جمعہ تک 10 سے 4", "10:00-16:00 01234"), ("۱۰ سے ۴ تک", "10:00-16:00"), ("از 11 تا 4", "11:00-16:00"),
    ("11 سے", "11:00-00:00"), ("شام تک", "00:00-17:00"), ("رات 8 بجے تک", "00:00-20:00"), ("شام 5 سے 8", "17:00-20:00"),
    ("11 سے پہلے نہیں", "11:00-00:00"), ("8 کے بعد نہیں", "00:00-20:00"), ("نہ صبح نہ شام", "12:00-17:00"),
    ("10 بجے سے پہلے نہیں اور 8 کے بعد نہیں", "10:00-20:00"), ("10 اور 12 کے درمیان", "10:00-12:00"),
    ("ساڑھے 10 سے 12", "10:30-12:00"), ("منگل اور جمعرات دوپہر", "12:00-18:00 13"), ("دو سے چار بجے", "14:00-16:00"),
    ("5 بجے کے بعد بھیج دو", "17:00-00:00"), ("کسی بھی وقت", "00:00-00:00"), ("کوئی فرق نہیں پڑتا", "00:00-00:00"),
    ("صبح بخیر، 11 کے بعد", "11:00-00:00"), ("mangal nahi", "00:00-00:00 023456"), ("11 baje ke baad", "11:00-00:00"),
    ("jumma ke ilawa", "00:00-00:00 012356"), ("after 11, not Tuesday", "11:00-00:00 023456"),
]  # fmt: skip
URDU_UNCLEAR = [
    "11", "11 بجے", "25 کے بعد", "12 سے پہلے یا 3 کے بعد", "منگل 8 کے بعد نہیں", "پیر، منگل نہیں", "کام کے بعد",
    "کبھی نہیں", "صبح یا شام", "2 دن بعد",
]  # fmt: skip

BENGALI = [
    ("সোম বুধ, 11-4", "11:00-16:00 02"), ("10টা থেকে 4টা", "10:00-16:00"), ("১০টা থেকে ৪টা পর্যন্ত", "10:00-16:00"),
    ("১১টার পর", "11:00-00:00"), ("11 tar por", "11:00-00:00"), ("এগারোটার পর", "11:00-00:00"),
    ("১১টা থেকে", "11:00-00:00"),
    ("মঙ্গলবার না", "00:00-00:00 023456"), ("রবিবার নয়", "00:00-00:00 012345"), ("মঙ্গলবার ছাড়া", "00:00-00:00 023456"),
    ("mongolbar chara", "00:00-00:00 023456"), ("mongolbar na", "00:00-00:00 023456"),
    ("শুক্রবার ছাড়া প্রতিদিন", "00:00-00:00 012356"), ("শুক্র শনি বাদে", "00:00-00:00 01236"),
    ("১১টার পর, মঙ্গলবার না", "11:00-00:00 023456"), ("১১টার পর মঙ্গলবার না", "11:00-00:00 023456"),
    ("১১টার আগে না", "11:00-00:00"), ("রাত ৮টার পর না", "00:00-20:00"), ("সকাল ১০টার আগে না, রাত ৮টার পরে না", "10:00-20:00"),
    ("সকাল ১০টা থেকে সন্ধ্যা ৬টা", "10:00-18:00"), ("দুপুর ২টা থেকে ৫টা", "14:00-17:00"), ("দুপুর পর্যন্ত", "00:00-12:00"),
    ("সাড়ে ১০টার পর", "10:30-00:00"), ("দেড়টার পর", "13:30-00:00"), ("10টা ও 12টার মধ্যে", "10:00-12:00"),
    ("10টা থেকে 12টার মধ্যে", "10:00-12:00"), ("১২টার মধ্যে", "00:00-12:00"), ("বিকেলে", "12:00-18:00"),
    ("দুপুরের পর", "12:00-18:00"), ("সোম থেকে শুক্র পর্যন্ত 10-4", "10:00-16:00 01234"), ("সোমবার ও বুধবার", "00:00-00:00 02"),
    ("বৃহস্পতি বার বাদে", "00:00-00:00 012456"), ("কাজের দিনে 5টার পর", "17:00-00:00 01234"), ("যেকোনো সময়", "00:00-00:00"),
    ("নয়টা থেকে বারোটা", "09:00-12:00"), ("শুভ সকাল, 11টার পর", "11:00-00:00"), ("sat sun", "00:00-00:00 56"),
]  # fmt: skip
BENGALI_UNCLEAR = [
    "11", "১১টায়", "25টার পর", "12টার আগে বা 3টার পর", "সোমবার, মঙ্গলবার না", "কাজের পর", "সকাল বা সন্ধ্যা", "2 দিন পর",
]  # fmt: skip

UNDERSTOOD = {"en": ENGLISH, "pl": POLISH, "ro": ROMANIAN, "ur": URDU, "bn": BENGALI}
UNCLEAR = {
    "en": ENGLISH_UNCLEAR,
    "pl": POLISH_UNCLEAR,
    "ro": ROMANIAN_UNCLEAR,
    "ur": URDU_UNCLEAR,
    "bn": BENGALI_UNCLEAR,
}


@pytest.mark.parametrize(
    ("language", "text", "stored"),
    [(language, *case) for language, cases in UNDERSTOOD.items() for case in cases],
)
def test_times_that_suit_are_understood(language: str, text: str, stored: str) -> None:
    wanted = PreferredHours.parse(stored if " " in stored else f"{stored} 0123456")
    assert read_hours(text, words(language)) == wanted


@pytest.mark.parametrize(
    ("language", "text"), [(language, text) for language, several in UNCLEAR.items() for text in several]
)
def test_what_is_unclear_is_asked_again(language: str, text: str) -> None:
    assert read_hours(text, words(language)) is None


def test_there_are_cases_for_every_language() -> None:
    assert {language for language in listed() if language not in UNDERSTOOD} <= {"en-simple"}
    assert len(ENGLISH) >= 60
    assert all(len(cases) >= 15 for cases in UNDERSTOOD.values())


# What we tell people to send


def example(text: str) -> str:
    """The example in a hint: what stands behind its colon, without a sentence that explains it."""
    return text.rpartition(":")[2].split(". ")[0]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_examples_in_the_hints_are_understood(language: str) -> None:
    phrases = library().phrases[language]
    hint = read_hours(example(phrases.hint_hours), words(language))
    explained = read_hours(example(phrases.explain_hours), words(language))
    assert hint is not None
    assert explained is not None
    assert hint.start == time(11)
    assert (explained.start, explained.end) == (time(10), time(16))
    assert hint.days == explained.days != ALL_DAYS


# Whatever people write


@pytest.mark.parametrize("language", LANGUAGES)
def test_any_text_is_understood_or_asked_again(language: str) -> None:
    """Also one that is nothing but our own words in a row."""
    lex = words(language)
    pieces = st.sampled_from(
        [*lex.hours, *"1234", "9", "11", "12", "16", "25", "10:30", "09", "-", ",", ".", "\n", "?"]
    )

    @given(st.lists(pieces, max_size=9).map(" ".join) | st.text(max_size=140))
    def holds(text: str) -> None:
        hours = read_hours(text, lex)
        assert hours is None or PreferredHours.parse(str(hours)) == hours

    holds()


#: Hours that only the clock of 24 hours writes so, all but 10 to 12.
_SURE = st.builds(time, st.sampled_from([*range(10), *range(13, 24)]), st.integers(0, 59))


@given(_SURE, _SURE)
def test_times_on_the_clock_of_24_hours_are_taken_as_they_stand(start: time, end: time) -> None:
    wanted = PreferredHours(start, end) if start < end or end == time(0) else None
    assert read_hours(f"{start:%H:%M}-{end:%H:%M}", words()) == wanted


@pytest.mark.parametrize("text", ["after {} 11", "{} after 11", "after 11 {}", "after 11, {}", "{}, after 11"])
@pytest.mark.parametrize("word", ["perhaps", "Maria", "x", "schön", "দেখুন", "please", "\U0001f44d"])
def test_words_without_a_meaning_are_passed_over(text: str, word: str) -> None:
    assert read_hours(text.format(word), words()) == PreferredHours(time(11))


# The words


def every_word(language: str) -> Iterator[tuple[str, str]]:
    """Each folded hour word of a language with its kind."""
    given_words = listed()[language].hours
    assert given_words is not None
    lists: list[HourWords | WordsBehind] = [given_words, given_words.behind]
    for several in lists:
        for kind in fields(several):
            value = getattr(several, kind.name)
            if isinstance(value, tuple) and kind.name not in ("days", "whole"):
                yield from ((fold(word), kind.name) for word in value)
            elif isinstance(value, dict):
                yield from ((fold(word), f"{kind.name} {key}") for key, more in value.items() for word in more)
    for day, more in enumerate(given_words.days or ()):
        yield from ((fold(word), f"day {day}") for word in more)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_hour_word_means_one_thing(language: str) -> None:
    meanings: dict[str, set[str]] = {}
    for word, kind in every_word(language):
        meanings.setdefault(word, set()).add(kind)
    ignored = {word for word, kinds in meanings.items() if "ignored" in kinds}
    assert {word: kinds for word, kinds in meanings.items() if len(kinds) > 1 and word not in ignored} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_that_say_no_half_of_the_day_are_parts_of_it(language: str) -> None:
    given_words = listed()[language].hours
    assert given_words is not None
    parts = {*given_words.morning, *given_words.afternoon, *given_words.evening}
    assert set(given_words.whole) <= parts


@pytest.mark.parametrize("language", TRANSLATED)
def test_english_words_are_heard_beside_ones_own(language: str) -> None:
    assert read_hours("weekdays after 11, not Tuesday", words(language)) == PreferredHours(
        time(11), days=frozenset({0, 2, 3, 4})
    )


def test_an_ignored_word_means_nothing_at_home_and_what_it_meant_elsewhere() -> None:
    lists = listed()
    hours = lists["pl"].hours
    assert hours is not None
    deaf = replace(lists["pl"], hours=replace(hours, ignored=("rano", "mondays")))
    lex = lexicon("pl", {"en": lists["en"], "pl": deaf})
    assert read_hours("rano", lex) is None
    assert read_hours("mondays", lex) is None
    assert read_hours("mondays", lexicon("en", {"en": lists["en"], "pl": deaf})) is not None

"""A newsletter for the demo: what came of what people said, and some news; drafts in all languages."""

from __future__ import annotations

from bot.app import App
from domain.broadcast import BroadcastRefused
from domain.newsletter import Heard, Item, ItemKind, ItemWords, month_of
from store import issues, newsletter
from store.broadcasts import course
from store.issues import Wish

_DRAFT = "nobody: a draft for the demo"
_EVENINGS: dict[str, tuple[str, str, str]] = {
    "en": ("Open in the evening", "Places to go close too early.", "The Old Dairy Hall is open until 9pm on Tuesdays."),
    "pl": ("Otwarte wieczorem", "Miejsca zamykają za wcześnie.", "Old Dairy Hall jest otwarte we wtorki do 21."),
    "ro": ("Deschis seara", "Locurile se închid prea devreme.", "Old Dairy Hall e deschis marțea până la 21."),
    "ur": ("شام کو کھلا", "جگہیں بہت جلدی بند ہو جاتی ہیں۔", "اولڈ ڈیری ہال منگل کو رات 9 بجے تک کھلا ہے۔"),
    "bn": ("সন্ধ্যায় খোলা", "জায়গাগুলো খুব তাড়াতাড়ি বন্ধ হয়।", "ওল্ড ডেইরি হল মঙ্গলবার রাত ৯টা পর্যন্ত খোলা।"),
}
_TEA: dict[str, tuple[str, str]] = {
    "en": ("Tea is on us", "At each of our meetings there is tea, and something without sugar."),
    "pl": ("Herbata od nas", "Na każdym spotkaniu jest herbata i coś bez cukru."),
    "ro": ("Ceaiul e de la noi", "La fiecare întâlnire avem ceai și ceva fără zahăr."),
    "ur": ("چائے ہماری طرف سے", "ہماری ہر میٹنگ میں چائے ہے، اور کچھ بغیر چینی کے بھی۔"),
    "bn": ("চা আমাদের পক্ষ থেকে", "আমাদের প্রতিটি সভায় চা আছে, চিনি ছাড়া কিছুও আছে।"),
}


async def add_news(app: App) -> bool:
    """Order this month's newsletter, unless there is one; whether it was. Nobody may have agreed to it yet."""
    now, post = app.clock(), app.post
    month = month_of(now.astimezone(app.settings.quiet.zone).date())
    async with app.database.begin() as connection:
        if await newsletter.listing(connection):
            return False
        for item in _items(month):
            await newsletter.add(connection, post.press, app.ids(), item, now)
        made = await issues.month_s_issue(connection, post, month, Wish(), "demodemq", now)
    try:
        await course.start(post, made.number, now)
    except BroadcastRefused:  # it stays a draft, to be looked at
        return False
    return True


def _items(month: str) -> list[Item]:
    done = {
        tag: ItemWords(title=title, said=said, text=text, reviewed_by=_DRAFT)
        for tag, (title, said, text) in _EVENINGS.items()
    }
    tea = {tag: ItemWords(title=title, text=text, reviewed_by=_DRAFT) for tag, (title, text) in _TEA.items()}
    heard = Heard(questionnaire="opening_hours", question="open_when", answers=("evenings",))
    return [
        Item(id=0, number=0, kind=ItemKind.YOU_SAID, month=month, words=done, heard=heard),
        Item(id=0, number=0, kind=ItemKind.NEWS, month=month, words=tea),
    ]

"""Sample people for the demo: what each of them wrote, through the same door as everybody's messages."""

from __future__ import annotations

from bot.app import App
from domain.contact import URN
from domain.message import Received

#: Ofcom's mobile numbers for drama (+44 7700 900000 to 900999), and Telegram ids that are too small to be real.
_PEOPLE: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("sms", "+447700900011", ("CHECKIN", "yes", "6", "7", "5", "4", "8", "6", "skip", "1")),
    ("sms", "+447700900012", ("CHECKIN", "1", "4", "5", "3", "8", "4", "2", "It helps to be asked", "yes")),
    ("sms", "+447700900013", ("polski", "CHECKIN", "tak", "7", "8", "6", "5", "7", "8", "pomiń", "tak")),
    ("sms", "+447700900014", ("اردو", "CHECKIN", "ہاں", "۶", "۷", "۵", "۴", "۸", "۷", "آگے", "ہاں")),
    ("sms", "+447700900015", ("বাংলা", "CHECKIN", "হ্যাঁ", "৫", "৬", "৭", "৩", "৬", "৮", "বাদ", "না")),
    ("telegram", "1101", ("română", "/checkin", "da", "8", "7", "7", "2", "9", "8", "sari", "nu")),
    ("telegram", "1102", ("/checkin", "yes", "3", "4", "2", "9", "3", "3", "I would like to talk more", "yes")),
    (
        "sms",
        "+447700900016",
        ("OPINION", "yes", "yes", "3 September", "8", "1, 3 and 4", "2 4", "25", "More quiet rooms"),
    ),
    ("sms", "+447700900017", ("OPINION", "1", "no", "It is too far away", "3", "40", "A bus")),
    ("telegram", "1103", ("FEEDBACK", "yes", "10", "1 2 4", "9", "yes", "You can say what you think", "yes")),
    ("sms", "+447700900018", ("CHECKIN", "yes", "6", "7")),
    ("sms", "+447700900019", ("hello", "CHECKIN", "no")),
    ("sms", "+447700900020", ("JOIN", "yes", "Sam", "1", "1")),
)


async def tell_samples(app: App) -> None:
    """Have the sample people write, each in turn. Their replies wait in the outbox for the simulator."""
    for channel, path, texts in _PEOPLE:
        for n, text in enumerate(texts):
            urn = URN("tel" if channel == "sms" else "telegram", path)
            await app.dispatcher.handle([Received(channel, f"sample/{path}/{n}", urn, text)], app.clock())

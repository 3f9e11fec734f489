"""Writing with a person of the team through the bot: what is passed on, and what is not."""

from __future__ import annotations

from domain.code import CodeKind
from store import people
from tests.conftest import World

ANN, MARY = "tel:+447700900101", "telegram:9001"


async def say(world: World, who: str, *words: str) -> list[str]:
    """One after the other; what the last was answered with."""
    told: list[str] = []
    for word in words:
        told = await world.say(who, word)
    return told


async def mary_talks_with_ann(world: World) -> None:
    async with world.app.database.begin() as connection:
        key = world.app.vault.code("11112222")
        detail = {"name": "Mary", "role": "coordinator", "turn": "1"}
        await people.put_code(
            connection, world.app.vault, key, CodeKind.STAFF, 0, detail, uses=1, expires_at=None, now=world.clock()
        )
    await say(world, MARY, "1111 2222")
    await say(world, ANN, "CHECKIN", "yes", "PERSON")
    await say(world, MARY, "TAKE")


async def test_rights_are_done_and_not_passed_on(world: World) -> None:
    await mary_talks_with_ann(world)
    before = len(await world.told(MARY))
    (told,) = await say(world, ANN, "MY DATA")
    assert "What we keep about you" in told
    (told,) = await say(world, ANN, "FORGET ME")
    assert told.startswith("Shall we delete everything")
    (told,) = await say(world, ANN, "no")
    assert told == "OK. Nothing was deleted."  # and no question in the middle of the talk
    assert len(await world.told(MARY)) == before
    await say(world, ANN, "no")
    assert (await world.told(MARY))[-1].text == "1: no"


async def test_who_is_forgotten_in_a_talk_with_the_team_is_gone_and_the_talk_is_over(world: World) -> None:
    await mary_talks_with_ann(world)
    (told,) = await say(world, ANN, "FORGET ME", "yes")
    assert "Your reference is" in told
    assert (await world.told(MARY))[-1].text.startswith("1 is closed")


async def test_what_is_no_answer_to_forget_me_is_for_the_team(world: World) -> None:
    await mary_talks_with_ann(world)
    assert await say(world, ANN, "FORGET ME", "what would that mean for my place on friday?") == []
    assert (await world.told(MARY))[-1].text == "1: what would that mean for my place on friday?"


async def test_words_of_the_team_about_rights_reach_the_person(world: World) -> None:
    await mary_talks_with_ann(world)
    await say(world, MARY, "FORGET ME")
    assert (await world.told(ANN))[-1].text == "Mary: FORGET ME"

"""Templated questions that name nothing: some are about the news, some about what is plainly to be seen.

The rules of WebSense settle questions with names, dates or words for the present; these are the ones they leave open.
"""

import random
import re
from typing import Final, Literal

# ruff: noqa: E501 (a template is one sentence and reads best on one line)
_SLOT: Final = re.compile(r"\{(\w+)\}")
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "thing": ("car", "phone", "watch", "camera", "drone", "robot", "lamp", "shoe", "bag", "guitar", "boat", "rocket", "plane", "tram", "tower", "bottle", "laptop", "bicycle", "chair", "table"),
    "who": ("player", "athlete", "politician", "singer", "actor", "runner", "driver", "striker", "goalkeeper", "swimmer", "minister", "coach", "astronaut", "chef", "author"),
    "person": ("man", "woman", "person", "boy", "girl", "player", "driver", "guy", "lady", "child"),
    "colour": ("red", "blue", "green", "yellow", "black", "white", "orange", "purple", "pink", "teal", "gray", "brown"),
    "garment": ("shirt", "jacket", "coat", "hat", "dress", "cap", "uniform", "jersey", "scarf"),
    "side": ("on the left", "on the right", "in the middle", "in the back", "in front", "at the far left", "nearest to us", "behind the table", "next to the tree"),
    "held": ("ball", "cup", "trophy", "medal", "microphone", "umbrella", "bag", "prize", "award", "phone", "racket", "bat"),
    "event": ("election", "final", "league", "race", "tournament", "championship", "trial", "summit", "strike", "protest", "festival", "auction", "world cup", "playoffs"),
    "deed": ("scored the winning goal", "hit the home run", "won the gold medal", "broke the world record", "won the award", "resigned over the scandal", "was elected", "was arrested", "signed with the new team", "won the race", "lost the title", "was named champion", "announced the merger", "was appointed minister", "took the prize for best film", "beat the reigning champion"),
    "happened": ("was launched at the trade fair", "was unveiled this spring", "was recalled by the maker", "won the design award", "broke the speed record", "sold out within hours", "was announced at the show", "replaced the old model", "was voted product of the season", "went viral", "was released after the update", "made the headlines"),
    "use": ("cut paper", "tell the time", "keep food cold", "hit a ball", "win a race in water", "sit on", "carry water", "light a room", "make a call", "play music", "keep the rain off", "record a film", "show a movie", "reach a high shelf"),
    "look": ("shiny", "striped", "large", "small", "tall", "round", "old", "broken", "dotted", "checked"),
}  # fmt: skip
_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "train": (
        "Which {who} {deed}? Segment that person.", "Who {deed} at the {event}? Segment them.", "Segment the {who} who {deed}.",
        "Find the {who} that {deed} after the {event}.", "Where is the {who} who made the headlines after the {event}?", "Who won the {event}?",
        "Which {thing} {happened}? Segment it.", "Segment the {thing} that {happened}.", "Where is the {thing} everybody is talking about since it {happened}?",
        "Which of these people became president after the {event}?", "Who is the new captain of the team that won the {event}?", "Who is the champion of the {event}?",
        "Segment the winner of the {event}.", "Point out the politician who won the {event}.", "Which company's {thing} {happened}?", "Who is the ceo whose {thing} {happened}?",
        "Show the {thing} with the highest price sold at the {event}.", "Which model of {thing} won the {event}?", "Who was signed after the {event}?",
        "Segment the film star who was named in the {event} news.", "Which {who} was born in the city that held the {event}?", "Who is the famous {who} of the viral film?",
        "Which coach lost the final of the {event}?", "Which celebrity was arrested at the {event}?", "Identify the {who} known as the winner of the {event}.",
    ),
    "test": (
        "Segment whoever {deed} in the {event}.", "Which one of them {deed}?", "The {thing} which {happened} - where is it?", "Who among them is the mayor since the {event}?",
        "Outline the {who} that {deed} in the last match of the {event}.", "Which {thing} was named best at the {event}?", "Who is the minister that resigned after the {event}?",
        "Please segment the {thing} whose release made the news.", "Who set the record at the {event}?", "Find the {who} who won the {event} title.",
    ),
}  # fmt: skip
_VISIBLE: Final[dict[str, tuple[str, ...]]] = {
    "train": (
        "the {person} holding the {held}", "the {person} {side} holding a {held}", "{person} in the {colour} {garment} about to hit the ball", "the winner's podium {side}",
        "the trophy {side}", "the {colour} medal around the {person}'s neck", "Segment the {person} lifting the trophy.", "the film camera {side}", "movie poster {side}",
        "Which object could be used to {use}?", "What can be used to win when you {use}?", "the model {thing} {side}", "the new looking {thing} {side}", "the {look} {colour} {thing}, now {side}",
        "the king piece on the chess board", "the queen of the chess set", "the {colour} {thing} leading the race", "the {thing} that is about to win the race", "the {person} winning the race",
        "the {person} who is called over by the {person} {side}", "the title on the {colour} book", "the prize {side}", "the price tag on the {colour} {thing}", "the sign that shows the price of the {thing}",
        "Who is wearing a {colour} {garment}? Segment that person.", "Who is {side}? Segment that person.", "the {person} whose {garment} is {colour}", "the {person} whose hat is {look}", "whose {colour} bag is it, the {person} {side}",
        "Who is taller? Segment that person.", "the {thing} show case {side}", "the record player {side}", "a vinyl record {side}", "the {colour} brand logo on the {thing}", "the coach {side} with {colour} doors",
        "the captain's {garment} {side}", "the team captain in {colour}", "the player who is scoring", "the batter about to hit", "the loser looking down {side}", "the sign {side}",
        "Who is holding the {held}? Segment that person.", "Who was most likely hit by the ball? Segment that person.", "the {person} who won, judging by the {held} in hand", "Which {thing} seems to be the newer model, the {colour} one or the {look} one?",
    ),
    "test": (
        "the {colour} {garment} of the {person} with the {held}", "Who is standing {side}? Segment that person.", "the medal {side}", "the {person} showing the {held} to the camera", "{person} about to win the match",
        "Which of the things would you use to {use} if you want to win?", "Who is the one in {colour}? Segment that person.", "the {person} whose {garment} is {look} and {colour}", "the film reel {side}", "the race car {side} in {colour}",
        "Which {thing} shows the price?", "the chief in {colour} clothes {side}",
    ),
}  # fmt: skip
PER_TEMPLATE: Final = 24


def questions(part: Literal["train", "test"], seed: int) -> tuple[list[str], list[bool]]:
    """Return questions and whether each needs a look-up; the two parts share no template."""
    rng = random.Random(f"{part}/{seed}")
    texts: list[str] = []
    needs: list[bool] = []
    for templates, need in ((_NEEDS[part], True), (_VISIBLE[part], False)):
        for template in templates:
            filled = {_fill(rng, template) for _ in range(PER_TEMPLATE)}
            texts += sorted(filled)
            needs += [need] * len(filled)
    return texts, needs


def _fill(rng: random.Random, template: str) -> str:
    return _SLOT.sub(lambda match: rng.choice(_WORDS[match.group(1)]), template)

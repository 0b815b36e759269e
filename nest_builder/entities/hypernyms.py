"""Hypernyms: the words a detector can be asked for, and further words by which articles call the same kind of thing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

BUILT_IN: Final[dict[str, tuple[str, ...]]] = {
    "phone": ("smartphone", "handset", "mobile phone", "cellphone", "mobile"),
    "watch": ("wristwatch", "timepiece", "smartwatch", "chronograph"),
    "camera": ("camcorder",),
    "drone": ("quadcopter", "quadrocopter", "multicopter", "uav"),
    "robot": ("humanoid", "android", "machine"),
    "lamp": ("lantern", "luminaire", "light"),
    "shoe": ("sneaker", "trainer", "boot", "sandal"),
    "bag": ("handbag", "backpack", "rucksack", "suitcase", "purse", "tote"),
    "guitar": ("bass guitar", "instrument"),
    "car": ("automobile", "saloon", "sedan", "hatchback", "suv", "roadster", "coupe", "limousine", "minivan", "van"),
    "boat": ("yacht", "ship", "ferry", "vessel", "sailboat", "catamaran", "dinghy"),
    "rocket": ("launcher", "launch vehicle", "spacecraft"),
    "plane": ("aircraft", "aeroplane", "airplane", "jet", "airliner", "jetliner", "glider"),
    "tram": ("streetcar", "tramcar", "trolley car"),
    "bear": ("teddy",),
    "owl": (),
    "tower": ("skyscraper", "spire", "lighthouse", "high-rise", "needle", "column", "landmark", "obelisk"),
    "person": (
        "man", "woman", "newcomer", "artist", "author", "writer", "novelist", "poet", "actor", "actress", "singer",
        "musician",
        "composer", "conductor", "violinist", "pianist", "painter", "sculptor", "photographer", "director", "engineer",
        "designer",
        "architect", "scientist", "researcher", "physicist", "chemist", "biologist", "economist", "historian",
        "professor", "teacher",
        "doctor", "surgeon", "nurse", "lawyer", "judge", "politician", "councillor", "mayor", "senator", "minister",
        "president",
        "chef", "entrepreneur", "founder", "developer", "programmer", "athlete", "sprinter", "runner", "rower",
        "cyclist", "climber",
        "swimmer", "midfielder", "goalkeeper", "striker", "defender", "footballer", "player", "captain", "coach",
        "champion",
        "journalist", "reporter", "manager", "student", "astronaut", "pilot", "driver", "dancer", "comedian",
    ),
}  # fmt: skip
# Words that also mean other things: they count only where no plainer word is heard.
VAGUE: Final = frozenset(
    {"machine", "light", "instrument", "launcher", "landmark", "column", "needle", "mobile", "trainer"}
)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Maps words to hypernyms.

    Attributes:
        words: Any word or phrase, in lower case -> the hypernym.
        pattern: Matches any of the words, singular, as a whole word, the longest first.
    """

    words: Mapping[str, str]
    pattern: re.Pattern[str] = field(compare=False)

    def hypernym(self, word: str) -> str | None:
        """Return the hypernym of a word, which may be a plural."""
        folded = word.casefold()
        return self.words.get(folded) or (self.words.get(folded[:-1]) if folded.endswith("s") else None)


def lexicon(table: Mapping[str, tuple[str, ...]] | None = None) -> Lexicon:
    """Build a lexicon.

    Args:
        table: Hypernym -> further words; the built-in one where it is None or empty.
    """
    words: dict[str, str] = {}
    for hypernym, others in (table or BUILT_IN).items():
        for word in (hypernym, *others):
            words.setdefault(word.casefold(), hypernym)
    longest = sorted(words, key=lambda word: (-len(word), word))
    return Lexicon(words, re.compile(rf"\b(?:{'|'.join(map(re.escape, longest))})\b", re.IGNORECASE))

"""Names for Newsworld: people of several name cultures, towns, makers, products, mascots, landmarks, teams, events.

Every name is put together from parts, so that a recogniser trained on some seeds meets new strings on others. One
`Namer` never gives two entities the same name or the same short form (surname, model, nickname).
"""

import random
from dataclasses import dataclass
from typing import Final

_CULTURES: Final[dict[str, tuple[str, str, str, str]]] = {
    # culture: (women's names, men's names, surname heads, surname tails)
    "english": (
        "Alice Clara Edith Grace Hazel Imogen June Martha Nora Olive Phoebe Rosalind Tamsin Verity Winifred Beth",
        "Alfred Barnaby Callum Edmund Felix George Hugh Jasper Leo Miles Oscar Piers Rupert Silas Toby Walter",
        "Ash Brad Hart Lang Whit Thorn Hol Mar Pem Stan Els Fair Gold Kings Rad Sel Wal Win Cal Dun",
        "ford ley well by worth combe ton bury croft wood field ham mere gate low shaw",
    ),
    "westafrican": (
        "Adaeze Abena Chioma Efua Folake Ifeoma Ngozi Nkechi Simisola Temi Yaa Zainab Amara Bisi",
        "Ade Chidi Emeka Femi Ikenna Kofi Kwame Obinna Seun Tunde Uche Yaw Babajide Dele",
        "Oko Ade Chi Nna Olu Eze Ama Ify Obi Ogun Mba Nwa Aki Owu",
        "ro bayo kwu ndu wole debe nya tola madi nma yemi santi for chukwu",
    ),
    "japanese": (
        "Aiko Chiyo Emi Hana Haruka Keiko Mei Naoko Rin Sachiko Yui Yuki",
        "Akira Daichi Haruto Hiroshi Kaito Kenji Makoto Ren Ryota Shun Takumi Yuto",
        "Taka Yama Naka Mori Kawa Hara Ishi Fuji Mura Oka Hama Kuro Shira Matsu Sugi",
        "hashi moto mura ta shima gawa no saki yama naka bara zawa oka kura",
    ),
    "chinese": (
        "Meilin Xiaoyan Lihua Jiayi Yating Ruolan Shuyi Qing Wenling Yufen",
        "Weimin Jianguo Haoran Zhiyuan Tao Junjie Bolin Chengwu Minghao Guowei",
        "Zh Ch Sh L W X Q G Y H Zhu T",
        "eng ang ong iao uan in ao ian ou un ei iu",
    ),
    "slavic": (
        "Alena Bozena Dana Jitka Katarina Ludmila Milena Olga Petra Svetlana Vera Zuzana Ivana Marta",
        "Andrej Bohdan Dmitri Igor Jan Karel Lubomir Marek Nikola Pavel Radek Stanislav Tomas Viktor",
        "Nov Kov Petr Dvor Mal Sokol Zel Vran Bor Kral Hor Jel Kuz Led Mar Rad",
        "ák ić enko ski ov ek inski al icka anov in ich ovsky ar",
    ),
    "iberian": (
        "Beatriz Carmen Elena Inés Lucía Marisol Paloma Pilar Rocío Teresa Valentina Ximena",
        "Alonso Bruno Diego Esteban Hernán Joaquín Lorenzo Mateo Nicolás Rafael Santiago Tomás",
        "Mar Alv Rod Cast Mon Sal Ech Vil Bar Cor Tor Fern Quint Vald Per",
        "tínez arez illo eiro tano edo adero ero anza ares evarría andes alba onso",
    ),
    "indian": (
        "Anjali Deepa Divya Gita Kavya Lakshmi Meera Nandini Priya Radha Shreya Uma",
        "Arjun Ashok Dev Harish Kiran Mohan Naveen Pranav Rahul Sanjay Vikram Vivek",
        "Mukh Chat Raj Sub Ven Kri Nar Bhat Desh Gan Mal Pra Sen Tha",
        "erjee gopal raman kata shnan ayan acharya pande guly hotra kash wani gar mukh",
    ),
    "nordic": (
        "Astrid Britta Ebba Freja Greta Hedda Ingrid Kajsa Liv Maja Sigrid Tuva",
        "Anders Bjorn Einar Finn Gustav Henrik Jonas Lars Magnus Nils Sven Torsten",
        "Lind Berg Holm Sund Dahl Ny Ek Hall Sjö Norr Wester Öst Gran Lager",
        "qvist ström gren berg sen strand lund man vik by feldt dal",
    ),
    "arabic": (
        "Aisha Dalia Farah Hala Layla Mariam Nadia Rania Salma Yasmin Zeina Huda",
        "Ahmad Bilal Faris Hamza Idris Karim Mahmoud Nabil Omar Rashid Tariq Yusuf",
        "Has Khal Far Nas Mans Sal Qas Rah Had Zah Bash Ham Jab Mur",
        "souri ouri ouqi sari ouri eh imi mani dadi rani irian adani bari idi",
    ),
}
_TOWN_HEADS: Final = (
    "Har Bright Cald Ember Fen Gran Hollow Kes Lang Mill Nor Oak Pen Quarr Raven Sal Thorn Under Vel West Wynd Ald "
    "Black Copp Dray East Fair Glen High Ivy Marl Roth Sear Stone Tarn Ash Bram Cress"
)
_TOWN_TAILS: Final = (
    "wick water by ford ton mouth field haven bridge ley stead worth dale minster port holm mere cross bourne gate"
)
_MAKER_HEADS: Final = (
    "Van Lu Cor So Tes Mar Nor Hel Qui Zen Ori Pal Ver Kel Bra Dro Fen Gal Ix Jo Tri Al Vol Om Pyr Sy Ne Bel Ta "
    "Mira Cal Ark Du Fa Hy Ka"
)
_MAKER_TAILS: Final = (
    "tor mo vane lari sel lin dex ra via nix quen tis do tano ro lo ven mar que zen bryn phos ric lon sa cta nova gen"
)
_MAKER_ENDS: Final = ("", "", "", " Labs", " Works", " Industries", " Group", " Studio")
_VEHICLE_ENDS: Final = ("", "", " Motors", " Works", " Mobility", " Yards", " Engineering")
_MODEL_WORDS: Final = (
    "Arc Drift Sunrise Pulse Echo Ridge Nimbus Comet Vista Loom Flint Cinder Willow Atlas Breeze Harbor Quill Prism "
    "Ember Falcon Heron Swift Lynx Otter Marlin Tern Mistral Solstice Aurora Zephyr Horizon Cascade Tempo Verve "
    "Halo Strand Rook Juniper Saffron Cobalt Onyx Pebble Spruce Thistle Wren Kite Beacon Lantern Orbit Meteor "
    "Pioneer Voyager Ranger Stride Bolt Glide Dune Fjord Delta Summit Canyon Tundra Boreal Lyric Sonnet Ballad "
    "Tango"
)
_MODEL_ENDS: Final = ("", "", "", " 2", " 3", " Mini", " Pro", " One", " S", " 7", " Max", " Lite", " X")
_MASCOT_HEADS: Final = (
    "Pip Bru Tol Mim Zig Wob Fiz Nib Huf Dob Gus Kip Lop Mop Nud Pom Rol Sni Tuf Wim Bar Hoo Oli Tam Bix Cud Jol Mun"
)
_MASCOT_TAILS: Final = ("", "po", "bly", "kin", "sy", "bo", "dle", "ter", "no", "pet", "zo", "lo", "mo", "wick", "ny")
_LANDMARK_HEADS: Final = (
    "Kestrel Signal Lantern Founders Mariner Copper Granite Cloud Northgate Pilgrim Beacon Sentinel Almond Weaver "
    "Compass Foundry Orchard Castor Meridian Saltern Juniper Regent Tidewater Falcon Harvest Ironside Larkspur "
    "Monarch Obsidian Quayside Skylark Tempest Union Vesper Wayfarer Zenith Amber Baker Cinnabar Dovecote Ferry "
    "Gallow Heron Ivory"
)
_LANDMARK_TAILS: Final = ("Tower", "Tower", "Spire", "Tower", "Beacon", "Column", "Needle", "Tower")
_TEAM_TAILS: Final = (
    "Rowers Harriers Rovers United Wanderers Lions Athletic Mariners Falcons Comets Royals Hornets Badgers Strikers"
)
_INSTITUTION_TAILS: Final = (
    "University", "Museum", "Philharmonic", "Port Authority", "Chamber of Commerce", "Institute of Technology",
    "City Council", "Food Bank", "Transit Agency", "Botanic Society", "Hospital Trust", "Film School", "Space Agency",
)  # fmt: skip
_VENUE_TAILS: Final = (
    "Hall", "Arena", "Stadium", "Market Square", "Conference Centre", "Town Hall", "Station", "Theatre", "Park", "Pier",
)  # fmt: skip
_EVENT_HEADS: Final = (
    "Coastal Harbour Meridian Northern Midsummer Lantern Riverside Golden Silver Autumn Winter Spring Highland "
    "Island Valley Granite Crystal Bluebell"
)
_EVENT_TAILS: Final = (
    "Rally", "Cup", "Festival", "Fair", "Games", "Marathon", "Expo", "Regatta", "Biennale", "Open", "Trophy", "Show",
)  # fmt: skip
VEHICLES: Final = frozenset({"car", "boat", "rocket", "plane", "tram"})
MASCOTS: Final = frozenset({"bear", "owl"})


@dataclass(frozen=True, slots=True)
class PersonName:
    """A person's name: given name, surname (unique within a world) and gender ("f" or "m")."""

    given: str
    surname: str
    gender: str

    @property
    def full(self) -> str:
        """Given name and surname."""
        return f"{self.given} {self.surname}"


class Namer:
    """Draws names that differ from each other and from those in `taken`.

    Args:
        rng: Source of chance; the same state gives the same names.
        taken: Names and short forms that must not appear again; grows with every draw.
    """

    def __init__(self, rng: random.Random, taken: set[str] | None = None) -> None:
        self._rng = rng
        self._taken = taken if taken is not None else set()

    def _pick(self, words: str | tuple[str, ...]) -> str:
        return self._rng.choice(words.split() if isinstance(words, str) else words)

    def _free(self, *forms: str) -> bool:
        """Take all `forms`, if none of them is in use."""
        folded = {form.casefold() for form in forms}
        if folded & self._taken:
            return False
        self._taken |= folded
        return True

    def person(self) -> PersonName:
        """A person of a random name culture."""
        while True:
            women, men, heads, tails = _CULTURES[self._rng.choice(sorted(_CULTURES))]
            gender = self._rng.choice("fm")
            surname = self._pick(heads) + self._pick(tails)
            if self._rng.random() < 0.06:
                surname = f"{surname}-{self._pick(heads)}{self._pick(tails)}"
            if self._free(surname):
                return PersonName(self._pick(women if gender == "f" else men), surname, gender)

    def town(self) -> str:
        """A town, such as "Harwick" or "Port Calder"."""
        while True:
            name = self._pick(_TOWN_HEADS) + self._pick(_TOWN_TAILS)
            kind = self._rng.random()
            if kind < 0.08:
                name = f"Port {name}"
            elif kind < 0.14:
                name = f"{name} Bay"
            if self._free(name):
                return name

    def maker(self, *, vehicles: bool = False) -> str:
        """A company, such as "Vantor" or "Corvane Motors"."""
        while True:
            name = self._pick(_MAKER_HEADS) + self._pick(_MAKER_TAILS)
            if self._rng.random() < 0.15:
                name += self._pick(_MAKER_TAILS)
            if self._free(name):
                return name + self._pick(_VEHICLE_ENDS if vehicles else _MAKER_ENDS)

    def product(self, maker: str) -> tuple[str, str]:
        """A product's full name and its short form: ("Vantor K3", "K3")."""
        brand = maker.split()[0]
        while True:
            if self._rng.random() < 0.4:
                count = self._rng.choice((1, 1, 2))
                letters = "".join(self._rng.choice("ABCDEFGHJKLMNPQRSTVWXZ") for _ in range(count))
                dash = self._rng.choice(("-", "", "", ""))
                model = f"{letters}{dash}{self._rng.choice((2, 3, 4, 5, 7, 9, 10, 20, 40, 300))}"
            else:
                model = self._pick(_MODEL_WORDS) + self._pick(_MODEL_ENDS)
            if self._free(model):
                return f"{brand} {model}", model

    def mascot(self, animal: str) -> tuple[str, str]:
        """A mascot's full name and its nickname: ("Pip the Owl", "Pip")."""
        while True:
            nick = self._pick(_MASCOT_HEADS) + self._pick(_MASCOT_TAILS)
            if self._free(nick):
                return f"{nick} the {animal.capitalize()}", nick

    def landmark(self) -> tuple[str, str]:
        """A landmark's name, such as "Kestrel Tower", and its short form."""
        while True:
            head = self._pick(_LANDMARK_HEADS)
            name = f"{head} {self._pick(_LANDMARK_TAILS)}"
            if self._free(name, head):
                return name, head

    def team(self, town: str) -> str:
        """A sports club of a town."""
        while True:
            name = f"{town} {self._pick(_TEAM_TAILS)}"
            if self._free(name):
                return name

    def institution(self, town: str) -> str:
        """A public body of a town."""
        while True:
            name = f"{town} {self._pick(_INSTITUTION_TAILS)}"
            if self._free(name):
                return name

    def venue(self, town: str) -> str:
        """A place where things happen: "Harwick Town Hall"."""
        while True:
            head = town if self._rng.random() < 0.6 else self._pick(_MAKER_HEADS) + self._pick(_TOWN_TAILS)
            name = f"{head.capitalize() if head.islower() else head} {self._pick(_VENUE_TAILS)}"
            if self._free(name) or self._rng.random() < 0.05:
                return name

    def event(self) -> str:
        """A contest or a fair: "Coastal Rally"."""
        while True:
            name = f"{self._pick(_EVENT_HEADS)} {self._pick(_EVENT_TAILS)}"
            if self._free(name):
                return name

# ruff: noqa: E501 (a template is one sentence and reads best on one line)
"""Templates of the German outlet, whose articles an English pipeline has to leave out."""

from typing import Final

TITLE: Final = (
    "{S} in {town} vorgestellt", "{town} staunt über {S}", "Neu in {town}: {S}", "Großer Andrang bei {S}", "{S} – ein erster Blick",
)  # fmt: skip
LEAD: Final = (
    "In {town} ist am {day} [zum ersten Mal|erstmals] {S} gezeigt worden. [Rund|Etwa] {num} Besucher [kamen|waren gekommen], [obwohl es den ganzen Tag regnete|viele von ihnen mit Kindern].",
    "Es war [das Gespräch|die Überraschung] der Woche: {S} [kam|gelangte] nach {town}, und [die ganze Stadt|halb {town2}] wollte dabei sein.",
    "Seit dem {day} [spricht|redet] man in {town} nur noch über {S}. [Die Meinungen gehen auseinander|Nicht alle sind begeistert].",
)
BODY: Final = (
    "„[Das ist ein guter Tag für unsere Stadt|Wir haben lange darauf gewartet|Das hätte ich nicht gedacht]“, sagte {q1}. [Weitere Schritte sollen bald folgen|Im Herbst wird weiter beraten].",
    "Nach Angaben von {org} [stieg|sank] die Zahl der Gäste in diesem Jahr um {pct} Prozent, [so stark wie seit {year} nicht mehr|was niemanden überraschte].",
    "Die Kosten von {price} [trägt die Stadt|teilen sich beide Seiten]; [Kritiker halten das für zu viel|der Rat stimmte mit großer Mehrheit zu].",
    "Auch in {town2} [wurde|wird] darüber gesprochen. Dort [erinnert|besinnt] man sich noch gut auf das Jahr {year}.",
    "Das Wetter bleibt [unbeständig|freundlich], am Wochenende werden bis zu {pct} Grad erwartet, [teilte der Wetterdienst mit|hieß es am Abend].",
    "Die Veranstalter [rechnen|rechneten] mit [weiteren|noch mehr] Besuchern und bitten darum, [mit der Bahn anzureisen|die Parkplätze am Hafen zu nutzen].",
)
CAPTION: Final = ("{S} am {day} in {town}.", "Blick auf {town}.", "{S} zog viele Blicke auf sich.")
MONTHS: Final = ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember")  # fmt: skip

"""What is claimed of editions, checked from their files and the world's truth alone, by none of the exporter's code.

A picture's cluster is the photograph that the world took, an event's entity is the world's.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyarrow import parquet

from nest_builder.newsworld.world import World


@dataclass(frozen=True, slots=True)
class Line:
    """A sample of an edition, as its file has it.

    Attributes:
        id: Its own.
        place: Edition's window and split.
        hash: Of the picture's bytes.
        url: Where the picture came from.
        entity: The name of whom the question is about.
        question: The question.
    """

    id: str
    place: tuple[str, str]
    hash: str
    url: str
    entity: str
    question: str


def file_hashes(folder: Path) -> dict[str, str]:
    """Return relative path -> SHA-256 of every file of a folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read_lines(editions: Path, names: Iterable[str]) -> list[Line]:
    """Read the samples of editions from their Parquet files.

    Args:
        editions: The folder of all editions.
        names: Which.
    """
    columns = ["id", "split", "image_sha256", "image_url", "entity", "question"]
    lines = []
    for name in names:
        for file in sorted((editions / name / "data").glob("*.parquet")):
            for row in parquet.read_table(file, columns=columns).to_pylist():
                place = (name, row["split"])
                lines.append(
                    Line(
                        row["id"], place, row["image_sha256"], row["image_url"], row["entity"]["name"], row["question"]
                    )
                )
    return lines


def leaks(lines: Sequence[Line], world: World) -> dict[str, float]:
    """Count what stands in two places: samples twice, and pictures, clusters or events in two splits or two editions.

    Args:
        lines: The samples of all editions.
        world: Knows which pictures are the same photograph, and who is who.
    """
    entities = {alias: entity.key for entity in world.entities.values() for alias in (entity.short, entity.name)}

    def crossing(key: Callable[[Line], str]) -> float:
        places: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        for line in lines:
            places[key(line)].add(line.place)
        return float(sum(len(where) > 1 for where in places.values()))

    def cluster(line: Line) -> str:
        photo = world.photos.get(line.url)
        return (photo.base or photo.url) if photo is not None else line.url

    twice = len(lines) - len({line.id for line in lines})
    said = len(lines) - len({(cluster(line), line.entity, line.question) for line in lines})
    return {
        "samples": float(len(lines)),
        "duplicates": float(twice + said),
        "leaks_by_hash": crossing(lambda line: line.hash),
        "leaks_by_cluster": crossing(cluster),
        "leaks_by_event": crossing(lambda line: entities.get(line.entity, line.entity)),
    }

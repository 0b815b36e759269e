"""The gallery's data: columns that a browser filters at once, and chunks that it loads for what it shows."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from nest_builder.report.cases import CASES, cases_of
from nest_builder.report.links import host_of, web_address
from nest_builder.report.masks import answers_of, drawable, scaled
from nest_builder.report.pool import Shown, small_size

SAMPLES_PER_CHUNK: Final = 40  # with all their masks and evidence: some hundred kilobytes
OUTLINES_PER_CHUNK: Final = 240  # masks at the gallery's size only
_EVIDENCE_TEXT: Final = 600  # characters shown of a piece of evidence
# What a piece of evidence found, for people.
_FINDINGS: Final = {
    "known": "known before the cutoff",
    "absent": "no entry",
    "before": "described before the cutoff",
    "after": "after the cutoff",
    "no answer": "no answer",
    "stated": "stated in the news",
}
_SCORES: Final = ("detector_score", "predicted_iou", "stability", "box_agreement", "phrase_margin")
VERDICTS: Final = ("solved_by_static", "solved_by_search", "solved_by_rose", "unsolved", "")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of data: what it is, its number among its kind, and its content as JSON types."""

    kind: str
    number: int
    data: Any

    @property
    def name(self) -> str:
        """Return the file's name."""
        return f"{self.kind}-{self.number}.js"

    def text(self) -> str:
        """Return the file: a script that hands the data over in an event, as pages from a disk may not fetch.

        ``<`` is written as an escape, so that no text can end a script or begin a comment wherever the data may stand.
        """
        content = json.dumps(self.data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
        # These two end a line in a script of old, though not in JSON.
        content = content.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        return (
            f'document.dispatchEvent(new CustomEvent("nest-data",{{detail:{{kind:"{self.kind}",number:{self.number},'
            f"data:{content}}}}}));\n"
        )


def index_of(rows: Sequence[Row], pictures: Mapping[str, Shown]) -> DataFile:
    """Return what filters, order and cards need of every sample, as columns.

    Args:
        rows: Samples in the gallery's order.
        pictures: The picture of each SHA-256.
    """
    shown = {sha256: number for number, sha256 in enumerate(dict.fromkeys(row["image_sha256"] for row in rows))}
    sizes = {row["image_sha256"]: small_size(row["width"], row["height"]) for row in rows}
    return DataFile(
        "index",
        0,
        {
            "count": len(rows),
            "chunks": {"samples": SAMPLES_PER_CHUNK, "outlines": OUTLINES_PER_CHUNK},
            "cases": list(CASES),
            "pictures": [[pictures[sha256].name, pictures[sha256].extension, *sizes[sha256]] for sha256 in shown],
            "id": [row["id"] for row in rows],
            "question": [row["question"] for row in rows],
            "caption": [row["caption"] for row in rows],
            "picture": [shown[row["image_sha256"]] for row in rows],
            "p": [round(1000 * row["annotation"]["p_correct"]) for row in rows],
            "negative": [int(row["negative"]) for row in rows],
            "case": [cases_of(row) for row in rows],
            "entity": _coded(rows, lambda row: [row["entity"]["name"], *row["entity"]["aliases"]]),
            "category": _coded(rows, lambda row: row["category"]),
            "verdict": _coded(rows, lambda row: row["verdict"]["label"] or ""),
            "review": _coded(rows, lambda row: row["review"]["status"]),
            "hypernym": _coded(rows, lambda row: row["entity"]["hypernym"]),
            "split": _coded(rows, lambda row: row["split"]),
            "site": _coded(rows, lambda row: host_of(row["article_url"])),
            "day": _coded(rows, lambda row: (row["published_at"] or "")[:10]),
        },
    )


def _coded(rows: Sequence[Row], value_of: Callable[[Row], Any]) -> dict[str, list[Any]]:
    """Return a column as its distinct values, in the order in which they come, and each row's place among them."""
    places: dict[str, int] = {}
    values: list[Any] = []
    codes = []
    for row in rows:
        value = value_of(row)
        key = json.dumps(value)
        if key not in places:
            places[key] = len(values)
            values.append(value)
        codes.append(places[key])
    return {"values": values, "codes": codes}


def outline_files(rows: Sequence[Row]) -> Iterator[DataFile]:
    """Yield the masks at the gallery's size: [width, height, run lengths], or 0 for a negative."""
    for number, part in enumerate(_parts(rows, OUTLINES_PER_CHUNK)):
        yield DataFile("outlines", number, [_outline(row) for row in part])


def _outline(row: Row) -> Any:
    if row["negative"]:
        return 0
    mask = scaled(row["mask"], *small_size(row["width"], row["height"]))
    return [mask["size"][1], mask["size"][0], mask["counts"]]


def sample_files(rows: Sequence[Row], attempts_of: Callable[[Sequence[str]], Mapping[str, Row]]) -> Iterator[DataFile]:
    """Yield all that a sample's own view shows; entities stand once in a chunk.

    Args:
        rows: Samples in the gallery's order.
        attempts_of: Returns the verdict of each of some samples as the store holds it: {attempts, reason}.
    """
    for number, part in enumerate(_parts(rows, SAMPLES_PER_CHUNK)):
        verdicts = attempts_of([row["id"] for row in part])
        places: dict[str, int] = {}
        entities: list[Any] = []
        samples = []
        for row in part:
            key = json.dumps(row["entity"], sort_keys=True)
            if key not in places:
                places[key] = len(entities)
                entities.append(_entity(row["entity"]))
            samples.append(_sample(row, verdicts.get(row["id"], {})) | {"entity": places[key]})
        yield DataFile("samples", number, {"entities": entities, "samples": samples})


def _parts(rows: Sequence[Row], size: int) -> Iterable[Sequence[Row]]:
    return (rows[at : at + size] for at in range(0, len(rows), size))


def _sample(row: Row, verdict: Row) -> dict[str, Any]:
    masks: dict[str, Any] = {}
    if not row["negative"]:
        masks["annotation"] = _mask(row["mask"])
    answers = answers_of(row, verdict.get("attempts", ()))
    return {
        "answer": row["answer"],
        "size": [row["width"], row["height"]],
        "caption": row["caption"],
        "credit": row["credit"],
        "article": [web_address(row["article_url"]), host_of(row["article_url"])],
        "source": web_address(row["image_url"]),
        "published": row["published_at"],
        "annotation": {"detector": row["annotation"]["detector"], "mask_model": row["annotation"]["mask_model"]},
        "scores": [row["annotation"][name] for name in _SCORES],
        "consent": [row["consent"]["robots"], int(row["consent"]["opt_out"]), row["consent"]["checked_at"]],
        "review": [row["review"]["status"], row["review"]["by"], row["review"]["at"]],
        "verdict": {name: row["verdict"][f"{name}_iou"] for name in ("static", "search", "rose")},
        "reason": "" if row["verdict"]["label"] else verdict.get("reason", ""),
        "masks": masks | {one.system: _mask(one.mask) for one in answers},
        "answers": {one.system: [one.iou, one.text, one.segmenter] for one in answers},
    }


def _mask(mask: Row) -> list[Any]:
    small = drawable(mask)
    return [small["size"][1], small["size"][0], small["counts"]]


def _entity(entity: Row) -> dict[str, Any]:
    return {
        "name": entity["name"],
        "aliases": entity["aliases"],
        "type": entity["type"],
        "hypernym": entity["hypernym"],
        "first_seen": entity["first_seen"],
        "evidence": [
            [
                _FINDINGS.get(verdict := str(item["verdict"] or item["kind"]), verdict),
                item["text"][:_EVIDENCE_TEXT],
                (item["date"] or "")[:10],
                str(item["kind"]).replace("_", " "),
                web_address(item["url"]),
                host_of(item["url"]) if web_address(item["url"]) else str(item["source"]),
            ]
            for item in entity["evidence"]
        ],
    }

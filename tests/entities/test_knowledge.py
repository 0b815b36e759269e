import json
from pathlib import Path
from typing import Any

import pytest

from nest_builder.entities.knowledge import SnapshotKnowledge, load_knowledge, snapshot_identity
from tests.entities.marked import SNAPSHOT


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ada okoro", "Ada Okoro"), ("Okoro", "Ada Okoro"), ("VANTOR ATLAS", "Vantor Atlas"), ("Nobody", None)],
)
def test_names_and_aliases_are_found(name: str, expected: str | None) -> None:
    found = SNAPSHOT.find(name)
    assert (found.name if found else None) == expected


def test_a_shared_alias_names_nobody_and_a_name_beats_an_alias() -> None:
    def record(name: str, alias: str) -> dict[str, Any]:
        return {"name": name, "aliases": [alias], "type": "PERSON", "since": "2020-01-01"}

    known = SnapshotKnowledge([record("Ada Tull", "Tull"), record("Ben Tull", "Tull"), record("Zed", "Ada Tull")])
    assert known.find("Tull") is None
    found = known.find("Ada Tull")
    assert found is not None
    assert found.name == "Ada Tull"


@pytest.mark.parametrize(
    "text", ["{", "{}", '[{"name": "x"}]', '[{"name": "x", "type": "ORG", "since": "soon"}]', "[3]"]
)
def test_what_is_no_snapshot_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "snapshot.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"."):
        SnapshotKnowledge.from_file(path)


def test_identity_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    path.write_text(json.dumps([]))
    first = snapshot_identity(str(path))
    assert load_knowledge(str(path)).identity() == first
    path.write_text(json.dumps([{"name": "Zed", "type": "ORG", "since": "2020-01-01"}]))
    assert snapshot_identity(str(path)) != first
    assert list(load_knowledge("").entities()) == []

from pathlib import Path
from typing import Any

import pytest

from nest_builder.report.editions import facts_of, find, latest, read_editions
from nest_builder.store.tables import Edition
from tests.builders import new_store


def listed(tmp_path: Path, **manifests: dict[str, Any]) -> list[Any]:
    store = new_store(tmp_path)
    with store.sessions() as session:
        for name, manifest in manifests.items():
            row = Edition(name=name.replace("_", "."), path="", manifest=manifest)
            row.seal(row.name)
            session.add(row)
        session.flush()
        found = read_editions(session)
    store.close()
    return found


def test_the_newest_that_stands_comes_first(tmp_path: Path) -> None:
    editions = listed(
        tmp_path, trial={}, **{"2025_9": {}, "2025_10": {}, "2025_10_1": {"supersedes": "2025.10"}, "2025_09": {}}
    )
    assert [one.name for one in editions] == ["2025.10.1", "2025.10", "2025.09", "trial", "2025.9"]
    assert latest(editions) == "2025.10.1"
    assert not any(one.withdrawn_by for one in editions), "a correction leaves what it corrects"


def test_what_was_withdrawn_is_not_shown(tmp_path: Path) -> None:
    stone = {"tombstones": [{"id": "x"}]}
    editions = listed(
        tmp_path, **{"2025_10": {}, "2025_10_1": {"supersedes": "2025.10", **stone}, "2025_10_2": {"supersedes": "2025.10.1", **stone}}
    )  # fmt: skip
    assert {one.name: one.withdrawn_by for one in editions} == {
        "2025.10": "2025.10.2",
        "2025.10.1": "2025.10.2",
        "2025.10.2": "",
    }
    with pytest.raises(LookupError, match=r"was withdrawn: '2025\.10\.2'"):
        find(editions, "2025.10")
    with pytest.raises(LookupError, match="nest status"):
        find(editions, "2025.11")
    assert find([], None) is None


@pytest.mark.parametrize(
    ("manifest", "facts"),
    [
        ({}, []),
        ({"window": {}}, []),
        (
            {"window": {"until": "2025-11-01T00:00:00Z"}, "supersedes": None, "tombstones": []},
            ["articles before 2025-11-01"],
        ),
        (
            {"supersedes": "2025.10", "changes": {"added": ["a"] * 1200, "removed": 2, "changed": []}},
            ["supersedes 2025.10", "1,200 added", "2 removed"],
        ),
        ({"tombstones": [{}, {}]}, ["2 withdrawn"]),
    ],
)
def test_facts(manifest: dict[str, Any], facts: list[str]) -> None:
    assert facts_of("2025.10", manifest) == facts

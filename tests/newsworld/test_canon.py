import json
from datetime import date
from pathlib import Path

from nest_builder.newsworld.canon import build_canon, main, snapshot
from nest_builder.newsworld.model import CUTOFF

SNAPSHOT = Path(__file__).resolve().parents[2] / "data" / "knowledge" / "snapshot.json"


def test_the_committed_snapshot_is_the_canon(tmp_path: Path) -> None:
    main(["--snapshot", str(tmp_path / "knowledge" / "snapshot.json")])
    assert (tmp_path / "knowledge" / "snapshot.json").read_bytes() == SNAPSHOT.read_bytes()


def test_every_record_lies_before_the_cutoff() -> None:
    records = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    assert len({record["name"] for record in records}) == len(records)
    for record in records:
        assert set(record) == {"name", "aliases", "type", "hypernym", "since", "facts"}
        assert date.fromisoformat(record["since"]) < CUTOFF.date()
        for fact in record["facts"]:
            assert set(fact) == {"relation", "value", "from", "to"}
            assert date.fromisoformat(fact["from"]) < CUTOFF.date()


def test_every_role_has_one_holder() -> None:
    canon = build_canon()
    assert set(canon.holders) == {role.key for role in canon.roles}
    assert len(set(canon.holders.values())) == len(canon.roles)
    held = [
        fact["value"] for record in snapshot(canon) for fact in record["facts"] if fact["relation"].startswith("holds")
    ]
    assert sorted(held) == sorted(role.plain for role in canon.roles)

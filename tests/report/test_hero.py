from nest_builder.report.hero import COUNT, choose_hero
from tests.report.big import big_picture, big_row

ROWS = [big_row(number, *big_picture(number % 5)) for number in range(280)]


def test_the_head_shows_sure_things_of_different_entities() -> None:
    chosen = [ROWS[at] for at in choose_hero(ROWS)]
    assert len(chosen) == COUNT == len({row["entity"]["name"] for row in chosen})
    assert len({row["entity"]["hypernym"] for row in chosen}) == 5, "there are five kinds"
    assert not any(row["negative"] or row["annotation"]["p_correct"] < 0.9 for row in chosen)
    assert choose_hero([]) == []

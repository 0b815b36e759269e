"""Tables: what stands in which cell, and a plot that is valid XML with a bar a figure."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from nest_builder.validate.metrics import Interval, Overlap
from nest_builder.validate.tables import Scores, Table, plot, score_table


def scores(ious, groups, right=None):
    hundredths = np.array([round(100 * iou) for iou in ious])
    return Scores(Overlap(hundredths, np.full(len(ious), 100)), tuple(groups), right)


STATIC = scores([0.1, 0.3, 0.8], ["novel", "novel", "emerging"])
ROSE = scores([0.9, 0.7, 0.8], ["novel", "novel", "emerging"], (True, True, False))


def test_parts_and_wholes():
    table = score_table("NEST", {"static": STATIC, "ROSE": ROSE}, ("novel", "emerging"))
    assert table.columns == ("novel gIoU", "emerging gIoU", "overall gIoU", "overall cIoU", "Acc")
    values = {name: [round(one.value, 4) for one in row.values()] for name, row in table.rows.items()}
    assert values == {"static": [0.2, 0.8, 0.4, 0.4], "ROSE": [0.8, 0.8, 0.8, 0.8, 0.6667]}


def test_a_part_without_samples():
    with pytest.raises(ValueError, match="no samples"):
        score_table("NEST", {"static": STATIC.of("novel")}, ("novel", "emerging"))


def test_markdown():
    table = Table(
        "NEST & co",
        ("gIoU", "Acc"),
        {
            "static": {"gIoU": Interval(0.487, 0.45, 0.52)},
            "ROSE": {"gIoU": Interval(0.73, 0.7, 0.76), "Acc": Interval(1, 1, 1)},
        },
    )
    assert table.to_markdown() == (
        "**NEST & co**\n\n| | gIoU | Acc |\n|---|---|---|\n"
        "| static | 48.7 (45.0–52.0) | – |\n| ROSE | 73.0 (70.0–76.0) | 100.0 (100.0–100.0) |\n"
    )
    assert table.to_json()["rows"]["static"] == {"gIoU": [0.487, 0.45, 0.52]}


def test_the_plot_has_a_bar_a_figure():
    table = score_table("NEST <1>", {"static & old": STATIC, "ROSE": ROSE}, ("novel", "emerging"))
    root = ET.fromstring(plot(table))
    space = "{http://www.w3.org/2000/svg}"
    titles = [one.text for one in root.iter(f"{space}title")]
    assert len(titles) == 4 + 5
    assert titles[0].startswith("static & old: 20.0 (")
    bars = [one for one in root.iter(f"{space}rect") if one.find(f"{space}title") is not None]
    assert [round(float(bar.get("height"))) for bar in bars[:2]] == [50, 200]  # 0.2 and 0.8 of 250 pixels

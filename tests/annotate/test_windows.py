import numpy as np
import pytest

from nest_builder.annotate.windows import into_window, out_of_window, window_around


@pytest.mark.parametrize(
    ("box", "factor", "expected"),
    [
        ((40, 40, 60, 80), 2.0, (10, 20, 90, 100)),
        ((0, 0, 40, 40), 2.0, (0, 0, 80, 80)),
        ((160, 60, 200, 100), 2.0, (120, 20, 200, 100)),
        ((0, 0, 200, 100), 1.5, (0, 0, 200, 100)),
        ((50, 50, 54, 54), 1.0, (40, 40, 64, 64)),
        ((20.5, 30.25, 60.5, 50.25), 1.0, (20, 20, 61, 61)),
    ],
)
def test_the_window_holds_the_box_and_lies_in_the_picture(box, factor, expected):
    assert window_around(np.array(box, float), 200, 100, factor) == expected


def test_a_window_smaller_than_its_box_is_refused():
    with pytest.raises(ValueError, match="hold its box"):
        window_around(np.array([0.0, 0, 10, 10]), 100, 100, 0.9)


def test_there_and_back_again():
    rng = np.random.default_rng(0)
    for _ in range(30):
        x0, y0 = rng.integers(0, 80, 2)
        w, h = rng.integers(2, 40, 2)
        truth = np.zeros((120, 120), bool)
        truth[y0 : y0 + h, x0 : x0 + w] = True
        window = window_around(np.array([x0, y0, x0 + w, y0 + h], float), 120, 120, 1.4)
        part = truth[window[1] : window[3], window[0] : window[2]]
        a, b, c, d = into_window(np.array([x0, y0, x0 + w, y0 + h], float), window).astype(int)
        assert part[b:d, a:c].all()
        assert np.array_equal(out_of_window(part, window, 120, 120, outside=False), truth)

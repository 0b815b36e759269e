"""ROSE in five lines: a picture and a question in; a mask, an answer, its sources and every part's decision out.

`python examples/rose_in_five_lines.py picture.jpg "Who is the current mayor of Langmere? Segment that person."` works offline: the
embedded models answer, and a Newsworld server (a simulated web on loopback) stands in for the web. With `NEST_ROSE__SEARCH_URL` and
the hub profile, `load_settings(profile="hub")`, the same lines search the real one.
"""

import sys

from PIL import Image

from nest_builder.config import load_settings
from nest_builder.rose.base import Query
from nest_builder.rose.load import load_rose
from nest_builder.rose.overlay import draw_overlay
from nest_builder.workspace import open_workspace

picture, question = sys.argv[1:3]

with open_workspace(load_settings()) as space, load_rose(space.settings, space.client, space.store) as rose:
    query = Query(Image.open(picture).convert("RGB"), question)
    (answered,) = rose.segment([query])
    draw_overlay(query.image, answered.segmentation.mask, answered.answer or "").save("overlay.png")
    sys.stdout.writelines(f"{step.part}: {step.decision}: {step.reason}\n" for step in answered.steps)

"""ROSE in five lines: a picture and a question in; a mask, an answer, its sources and every part's decision out.

`python examples/rose_in_five_lines.py picture.jpg "Who is the current mayor of Langmere? Segment that person."` works offline: the
embedded models answer, and the search service is Newsworld's, a simulated web on loopback. With
`open_rose(load_settings(profile="hub"))` the same lines work with full-size models and a search of the real one.
"""

import sys

from PIL import Image

from nest_builder.rose.base import Query
from nest_builder.rose.load import open_rose

picture, question = Image.open(sys.argv[1]).convert("RGB"), sys.argv[2]

with open_rose() as rose:
    (answered,) = rose.segment([Query(picture, question)])
sys.stdout.write(f"{answered.answer}: {answered.segmentation.mask.sum()} pixels\n")
sys.stdout.writelines(f"{step.part}: {step.decision}: {step.reason}\n" for step in answered.steps)

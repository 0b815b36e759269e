from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoTokenizer

from nest_builder.newsworld.canon import build_canon
from nest_builder.segmenters.base import Segmentation
from nest_builder.segmenters.lisa import Lisa, Prompter, image_processors
from nest_builder.segmenters.lisa_model import IGNORED, LisaForSegmentation
from nest_builder.tiny import lisa_eval, mask_network
from nest_builder.tiny.lisa import Plan, train
from nest_builder.tiny.lisa_batch import Batcher, Features, extent, hear
from nest_builder.tiny.lisa_eval import Case, known_cases, known_entity_scores
from nest_builder.tiny.lisa_scenes import SIDE, render_pool
from nest_builder.tiny.lisa_texts import KNOWN_KINDS, Asker, Request
from nest_builder.validate.metrics import overlap

PLAN = Plan(
    steps=2, tower_steps=2, reader_steps=2, reader_texts=8, scenes=4, judged_scenes=2, news=300, worlds=1, pictures=2, texts=3, decoded=3, tower_batch=2, save_every=1, judge_every=2
)  # fmt: skip

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")  # such as a mean of nothing


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    work = tmp_path_factory.mktemp("lisa-tiny")
    mask_network.save(mask_network.build_model(0, SIDE), work / "sam")
    train(PLAN, work / "sam", work / "work", work / "out")
    return work


def test_a_few_steps_leave_a_folder_that_loads_and_answers(trained):
    out = trained / "out"
    assert sum(file.stat().st_size for file in out.iterdir()) <= 12 << 20
    model = LisaForSegmentation.from_pretrained(out)
    assert model.dtype == torch.float32, "half precision is for the disk"
    found = Lisa(str(out), device="cpu").segment(
        [Image.new("RGB", (60, 40), "red")] * 2, ["the car", "Segment the owl."]
    )
    assert [one.mask.shape for one in found] == [(40, 60)] * 2


def test_a_broken_training_goes_on_to_the_same_weights(trained, tmp_path):
    """One step, then another in a second call, as against two in one: the averages that are written agree."""
    shared = {name: trained / "work" / name for name in ("pool", "judged", "tokenizer", "tower.pt", "reader.pt")}
    for name, path in shared.items():
        (tmp_path / name).symlink_to(path)
    train(replace(PLAN, steps=1), trained / "sam", tmp_path, tmp_path / "out")
    torch.manual_seed(9)
    train(replace(PLAN, steps=2), trained / "sam", tmp_path, tmp_path / "out")
    first, second = (torch.load(p / "checkpoint.pt", weights_only=True) for p in (trained / "work", tmp_path))
    assert first["done"] == second["done"] == 2
    assert first["average"].keys() == second["average"].keys()
    # The first step's rate depends on how many are planned: the draws are the same, the weights nearly so.
    assert all(torch.allclose(first["average"][n], second["average"][n], atol=5e-3) for n in first["average"])


@pytest.fixture(scope="module")
def batcher(trained):
    canon = build_canon()
    pool = render_pool(trained / "work" / "pool", canon, PLAN.scenes, 0)
    tokenizer = AutoTokenizer.from_pretrained(trained / "out")
    model = LisaForSegmentation.from_pretrained(trained / "out", attn_implementation="eager")
    features = Features(model.mask_model.vision_encoder.eval(), pool, trained / "features.npy")
    return Batcher(pool, features, Asker(canon, worlds=1), Prompter(tokenizer, model.config)), model


def test_a_batch_says_what_is_asked_and_what_is_meant(batcher):
    maker, _ = batcher
    batch = maker.draw((0, 1), 2, 3)
    tokenizer = maker.prompter.tokenizer
    assert batch.pixels.shape == (2, 3, SIDE, SIDE)
    assert batch.features.shape == (2, 128, 24, 24)
    assert batch.picture.tolist() == [0, 0, 0, 1, 1, 1]
    for row in range(6):
        own = batch.mask[row].bool()
        text = tokenizer.decode(batch.ids[row][own])
        assert text.startswith("<im_end> ")
        assert text.endswith("ASSISTANT: It is [SEG].</s>")
        assert tokenizer.decode(batch.labels[row][batch.labels[row] != IGNORED]) == " It is [SEG].</s>"
        x0, y0, x1, y1 = (batch.framed[row] * 96).tolist()
        rows, columns = np.nonzero(batch.targets[row].numpy() > 0.5)
        if len(rows):
            assert columns.min() >= x0 - 2
            assert columns.max() <= x1 + 1
            assert rows.min() >= y0 - 2
            assert rows.max() <= y1 + 1
    again = maker.draw((0, 1), 2, 3)
    assert torch.equal(batch.ids, again.ids)
    assert torch.equal(batch.pixels, again.pixels)


def test_features_are_those_of_the_processor_and_are_kept(batcher):
    maker, model = batcher
    kept = maker.features([1, 2, 1])
    assert torch.equal(kept[0], kept[2])
    width, height = extent(maker.pool.framed[1])
    image = Image.fromarray(np.asarray(maker.pool.framed[1, :height, :width]))
    _, frame = image_processors(model.config)
    pixels = torch.as_tensor(frame(image, return_tensors="pt")["pixel_values"])
    with torch.no_grad():
        expected = model.mask_model.vision_encoder(pixels).last_hidden_state[0]
    assert torch.nn.functional.cosine_similarity(kept[0].flatten(), expected.flatten(), dim=0) > 0.99


def test_a_request_means_its_target_and_a_guess_nothing(batcher):
    maker, _ = batcher
    things = next(maker.pool.things(index) for index in range(PLAN.scenes))
    asked = [(things, Request(kind, "Segment it.", 0)) for kind in ("name", "guess")]
    _, _, _, meant = maker.words(asked)
    assert meant["category"].tolist() == [[things[0]["category"] + 1, IGNORED]]
    assert meant["entity"].tolist() == [[things[0]["entity"] + 1, IGNORED]]
    assert meant["colour"].tolist() == [[things[0]["colour"], IGNORED]]


def test_groups_of_like_length_hear_the_same_as_all_together(batcher):
    maker, model = batcher
    batch = maker.draw((0, 2), 2, 4)
    before = torch.tensor(maker.prompter.before)
    with torch.no_grad():
        memory = model.remember(model.read(batch.pixels), before)
        together = model.hear(memory, batch.picture, batch.ids, batch.mask)
        _, grouped, attention = hear(model, memory, batch.picture, batch.ids, batch.mask, batch.labels)
    assert torch.allclose(together.states, grouped, atol=1e-4)
    assert torch.allclose(together.attention, attention, atol=1e-5)
    assert attention.shape == (8, 5, len(before) + 144)


class Oracle:
    """Knows the masks of a list of cases."""

    def __init__(self, cases: list[Case]) -> None:
        self.cases = {(case.image.tobytes(), case.text): case.mask for case in cases}

    def identity(self) -> str:
        return "oracle"

    def segment(self, images, texts):
        return [Segmentation(self.cases[i.tobytes(), t], "", 1.0) for i, t in zip(images, texts, strict=True)]


def test_evaluation_counts_every_kind_and_an_oracle_is_perfect():
    cases = list(known_cases(5, 6))
    assert {case.kind for case in cases} <= {*KNOWN_KINDS, "told"}
    scores = known_entity_scores(Oracle(cases), 5, 6)
    assert scores["giou"] == scores["ciou"] == scores["giou_name"] == 1.0
    assert scores["questions"] == sum(case.kind != "told" for case in cases)
    assert all(case.mask.mean() >= lisa_eval.LEAST_AREA or case.kind == "told" for case in cases)
    first, again = cases[0], next(iter(known_cases(5, 1)))
    assert first.text == again.text
    assert overlap([first.mask], [again.mask]).ious[0] == 1.0

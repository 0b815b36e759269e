import pytest
import torch

from nest_builder.segmenters.lisa_config import LisaConfig
from nest_builder.segmenters.lisa_model import IGNORED, Encoded, LisaForSegmentation
from tests.segmenters import lisa_models
from tests.segmenters.lisa_models import SEG, always_say, build

BEFORE = torch.tensor([0, 2])


def encoded(model: LisaForSegmentation, pictures: int = 2) -> Encoded:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        return model.encode(
            torch.randn(pictures, 3, 32, 32, generator=generator), torch.randn(pictures, 3, 64, 64, generator=generator)
        )


def texts(*rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[1] * (longest - len(row))] for row in rows])
    return ids, torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])


def test_shapes():
    model = build()
    ids, mask = texts([9, 8, SEG, 7], [9, 10, 11, 12, SEG, 7], [9, SEG])
    pictures = encoded(model)
    assert pictures.words.shape == (2, 4, 24)
    assert pictures.embeddings.shape == (2, 16, 8, 8)
    out = model(pictures, BEFORE, torch.tensor([0, 1, 1]), ids, mask)
    assert out.masks.shape == (3, 32, 32)
    assert out.ious.shape == (3,)
    assert out.logits.shape == (3, 6, 261)
    assert out.loss is None


def test_a_text_answers_alike_whatever_stands_beside_it():
    model = build()
    pictures = encoded(model)
    ids, mask = texts([9, 8, SEG, 7], [9, 10, 11, 12, SEG, 7])
    both = model(pictures, BEFORE, torch.tensor([0, 1]), ids, mask)
    alone = model(Encoded(pictures.words[1:], pictures.embeddings[1:]), BEFORE, torch.tensor([0]), ids[1:], mask[1:])
    assert torch.allclose(both.masks[1], alone.masks[0], atol=1e-4)
    short, short_mask = texts([9, 8, SEG, 7])
    alone = model(pictures, BEFORE, torch.tensor([0]), short, short_mask)
    assert torch.allclose(both.masks[0], alone.masks[0], atol=1e-4), "padding changes nothing"


def test_the_state_before_seg_is_the_prompt():
    model = build()
    pictures = encoded(model, 1)
    ids, mask = texts([9, 8, 7, SEG, 6])
    out = model(pictures, BEFORE, torch.tensor([0]), ids, mask)
    words = model.language_model.get_input_embeddings()
    row = torch.cat([words(BEFORE)[None], pictures.words, words(ids[:, :3])], 1)
    state = model.language_model.model(inputs_embeds=row).last_hidden_state[0, -1]
    assert torch.allclose(out.states[0], state, atol=1e-5)
    other, _ = texts([9, 8, 7, SEG, 100])
    assert torch.equal(model(pictures, BEFORE, torch.tensor([0]), other, mask).masks, out.masks), (
        "what follows is not seen"
    )


def test_answering_finds_the_mask_of_the_same_words_given():
    """Generation with its cache and its padding agrees with one pass over question and answer."""
    model = build(3)
    pictures = encoded(model)
    ids, mask = texts([9, 8, 30], [9, 10, 11, 12, 31, 32])
    picture = torch.tensor([1, 0])
    answers = model.answer(pictures, BEFORE, picture, ids, mask, end=1)
    for row in range(2):
        said = answers.tokens[row].tolist()
        whole = [*ids[row, : mask[row].sum()].tolist(), *said]
        given, _given_mask = texts(whole)
        words = model.language_model.get_input_embeddings()
        read = torch.cat([words(BEFORE)[None], pictures.words[picture[row]][None], words(given)], 1)
        with torch.no_grad():
            logits = model.language_model(inputs_embeds=read).logits[0]
        start = read.shape[1] - len(said) - 1
        assert logits[start:-1].argmax(-1).tolist() == said


@pytest.mark.parametrize(("token", "found", "tokens"), [(SEG, True, 5), (1, False, 1), (50, False, 5)])
def test_what_is_said_decides_whether_there_is_a_mask(token, found, tokens):
    model = always_say(build(), token)
    ids, mask = texts([9, 8, 30])
    answers = model.answer(encoded(model, 1), BEFORE, torch.tensor([0]), ids, mask, end=1)
    assert answers.tokens.tolist() == [[token] * tokens]
    assert answers.found.tolist() == [found]
    assert bool(answers.probability[0] > 0.99) == found


def test_the_prompt_of_a_generated_mask_is_that_of_the_given_answer():
    model = always_say(build(), SEG)
    model.language_model.model.norm.weight.data.fill_(1.0)
    ids, mask = texts([9, 8, 30], [9, 10])
    pictures = encoded(model)
    answers = model.answer(pictures, BEFORE, torch.tensor([0, 1]), ids, mask, end=1)
    given, given_mask = texts([9, 8, 30, SEG], [9, 10, SEG])
    with torch.no_grad():
        out = model(pictures, BEFORE, torch.tensor([0, 1]), given, given_mask)
    assert torch.allclose(answers.masks, out.masks, atol=1e-4)


def test_only_labelled_tokens_are_learned_and_gradients_reach_every_part():
    model = build().train()
    pictures = model.encode(torch.randn(1, 3, 32, 32), torch.randn(1, 3, 64, 64))
    ids, mask = texts([9, 8, SEG, 7])
    labels = torch.tensor([[IGNORED, IGNORED, SEG, 7]])
    out = model(pictures, BEFORE, torch.tensor([0]), ids, mask, labels)
    expected = torch.nn.functional.cross_entropy(out.logits[0, 1:3], torch.tensor([SEG, 7]))
    assert out.loss.item() == pytest.approx(expected.item(), rel=1e-5)
    (out.loss + out.masks.square().mean() + out.ious.mean()).backward()
    for part in (model.vision_tower.embeddings.patch_embedding, model.projector, model.text_hidden_fcs[0]):
        assert part.weight.grad.abs().sum() > 0
    assert model.mask_model.mask_decoder.mask_tokens.weight.grad.abs().sum() > 0


def test_an_answer_without_seg_is_refused():
    model = build()
    ids, mask = texts([9, 8, 7])
    with pytest.raises(ValueError, match=r"\[SEG\]"):
        model(encoded(model, 1), BEFORE, torch.tensor([0]), ids, mask)


@pytest.mark.parametrize("changes", [{}, {"projector_layers": 2}, {"vision_select_layer": -1}])
def test_saved_weights_load_as_they_were(tmp_path, changes):
    model = build(**changes)
    model.save_pretrained(tmp_path)
    loaded, report = LisaForSegmentation.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    for name in ("vision_select_layer", "projector_layers", "seg_token_id", "prompt_after", "max_text_tokens"):
        assert getattr(loaded.config, name) == getattr(model.config, name)
    assert loaded.config.mask_config.vision_config.image_size == 64
    fresh, again = model.state_dict(), loaded.state_dict()
    assert fresh.keys() == again.keys()
    assert all(torch.equal(fresh[name], again[name]) for name in fresh)


@pytest.mark.parametrize(
    ("changes", "message"), [({"projector_layers": 3}, "1 or 2"), ({"prompt_after": "no place"}, "no place")]
)
def test_a_configuration_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        LisaConfig(**changes)


def test_the_hidden_state_is_chosen_as_llava_counts_them():
    model = build()
    pixels = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        states = model.vision_tower(pixels, output_hidden_states=True).hidden_states
        expected = model.projector(states[-2][:, 1:])
        assert torch.equal(model.read(pixels), expected)
    assert lisa_models.config().vision_select_layer == -2

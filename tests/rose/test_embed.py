import numpy as np
import pytest
import torch
from PIL import Image
from transformers import BertConfig, BertModel, BertTokenizer, CLIPConfig, CLIPImageProcessorPil, CLIPModel

from nest_builder.rose.embed import (
    CachedImages,
    ClipImages,
    HashedTerms,
    TransformerTexts,
    content_key,
    text_embedder,
    unit_rows,
)

TOWER = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    vision = {**TOWER, "image_size": 16, "patch_size": 8}
    CLIPModel(
        CLIPConfig(vision_config=vision, text_config={**TOWER, "vocab_size": 10}, projection_dim=12)
    ).save_pretrained(folder)
    # As published ones: the shortest side, then a centre crop.
    CLIPImageProcessorPil(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def bert_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "mayor", "of", "town", "red", "car"]
    BertTokenizer(vocab={word: number for number, word in enumerate(words)}).save_pretrained(folder)
    BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=32, **TOWER)).save_pretrained(folder)
    return str(folder)


def picture(seed: int, size: tuple[int, int] = (20, 30)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8))


def test_pictures_become_rows_of_unit_length_whatever_the_batch(clip_folder):
    pictures = [picture(seed, (20 + seed, 30)) for seed in range(5)]
    whole, parts = ClipImages(clip_folder).embed(pictures), ClipImages(clip_folder, batch_size=2).embed(pictures)
    assert whole.shape == (5, 12)
    assert whole.dtype == np.float32
    assert np.allclose(np.linalg.norm(whole, axis=1), 1, atol=1e-5)
    assert np.allclose(whole, parts, atol=1e-5)
    assert ClipImages(clip_folder).embed([]).shape == (0, 12)


def test_both_ends_of_a_wide_picture_are_seen(clip_folder):
    embedder = ClipImages(clip_folder)
    wide = Image.new("RGB", (120, 30), "gray")
    marked = wide.copy()
    marked.paste("red", (0, 0, 12, 30))
    one, other = embedder.embed([wide, marked])
    assert float(one @ other) < 0.9999, "a centre crop would give twice the same"


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_any_mode_of_picture_is_read(clip_folder, mode):
    assert ClipImages(clip_folder).embed([picture(0).convert(mode)]).shape == (1, 12)


def test_a_picture_without_pixels_is_an_error(clip_folder):
    with pytest.raises(ValueError, match="0 x 5"):
        ClipImages(clip_folder).embed([Image.new("RGB", (0, 5))])


def test_identity_is_cheap_and_names_the_weights(clip_folder, tmp_path):
    assert ClipImages(clip_folder).identity() == ClipImages(clip_folder, batch_size=1).identity()
    assert ClipImages("openai/clip-vit-base-patch32").identity() == "openai/clip-vit-base-patch32@main"
    with pytest.raises(OSError, match="missing"):
        ClipImages(str(tmp_path / "missing")).embed([picture(0)])


class Counting:
    """An embedder that notes what reaches it: a picture's mean colour."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def identity(self) -> str:
        return "counting"

    def embed(self, images):
        self.seen.append(len(images))
        rows = np.array([np.asarray(image.convert("RGB")).reshape(-1, 3).mean(0) for image in images], np.float32)
        return unit_rows(rows.reshape(-1, 3))


def test_nothing_is_embedded_twice():
    counting = Counting()
    cached = CachedImages(counting)
    first = cached.embed([picture(0), picture(1), picture(0)])
    again = cached.embed([picture(1), picture(2), picture(0)])
    assert counting.seen == [2, 1]
    assert cached.computed == 3
    assert np.array_equal(first[0], first[2])
    assert np.array_equal(first[:2], again[[2, 0]])
    assert cached.identity() == "counting"
    assert cached.embed([]).shape == (0, 3)


def test_the_cache_is_bounded_and_forgets_the_oldest():
    counting = Counting()
    cached = CachedImages(counting, capacity=2)
    for seed in (0, 1, 0, 2, 0, 1):  # 1 goes when 2 comes, 0 was used since
        cached.embed([picture(seed)])
    assert counting.seen == [1, 1, 1, 1]
    assert cached.embed([picture(seed) for seed in range(5)]).shape == (5, 3), "more than fit at a time"


def test_pictures_of_other_shape_are_other_pictures():
    flat, tall = Image.new("RGB", (4, 1), "red"), Image.new("RGB", (1, 4), "red")
    assert content_key(flat) != content_key(tall)
    assert content_key(flat) == content_key(Image.new("RGB", (4, 1), "red"))


@pytest.mark.parametrize(
    ("query", "near", "far"),
    [
        (
            "Who is the mayor of Harwick?",
            "Ada Okoro is the new mayor of Harwick.",
            "Harwick lies on the coast, the museum said.",
        ),
        (
            "Which phone did Miraphos launch?",
            "The Stride is a phone that Miraphos launched.",
            "The mayor opened a tram line.",
        ),
        ("café owner", "The cafe owner waved.", "The owner of a boat waved."),
    ],
)
def test_hashed_terms_know_what_shares_words(query, near, far):
    asked, *found = HashedTerms().embed([query, near, far])
    assert asked @ found[0] > asked @ found[1] + 0.05


def test_hashed_terms_are_unit_rows_and_need_no_words():
    rows = HashedTerms(64).embed(["red car", "red red red red car", "", "the of and"])
    assert rows.shape == (4, 64)
    assert np.allclose(np.linalg.norm(rows, axis=1), [1, 1, 0, 0], atol=1e-6)
    assert rows[0] @ rows[1] > 0.7, "what is said often is damped"
    assert HashedTerms(64).embed([]).shape == (0, 64)
    assert HashedTerms(64).identity() != HashedTerms(128).identity()


def test_a_transformer_embeds_texts_alike_in_any_company(bert_folder):
    embedder = TransformerTexts(bert_folder, batch_size=2)
    texts = ["the mayor", "red car of the town " * 30, "car"]
    together = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert together.shape == (3, 16)
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    assert np.allclose(together, alone, atol=1e-5), "padding does not count"
    assert embedder.embed([]).shape == (0, 16)
    assert embedder.identity().startswith("bert")


def test_the_setting_names_the_embedder(bert_folder):
    assert isinstance(text_embedder(""), HashedTerms)
    assert isinstance(text_embedder(bert_folder), TransformerTexts)

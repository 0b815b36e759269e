"""Makes of LISA's official weights a folder that `LisaForSegmentation.from_pretrained` reads.

    python -m nest_builder.segmenters.lisa_convert xinlai/LISA-7B-v1 models/lisa-7b

Shard by shard: no more than one is in memory. Other checkpoints of the family (LISA-13B, SESAME, with `--tower
openai/clip-vit-large-patch14-336`) convert alike. LLaMA's tokenizer needs the package `sentencepiece`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import torch
import typer
from huggingface_hub import snapshot_download
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoTokenizer, CLIPVisionConfig, LlamaConfig, SamConfig, SamVisionConfig

from nest_builder.segmenters.lisa import SEG
from nest_builder.segmenters.lisa_config import LisaConfig
from nest_builder.segmenters.lisa_model import LisaForSegmentation
from nest_builder.segmenters.lisa_names import SHARED, to_ours

log = logging.getLogger(__name__)

VOCABULARY_7B: Final = 32_004
"""LLaMA's 32,000 pieces, the picture's patch, start and end that LLaVA-Lightning-7B-v1-1 added, and `[SEG]`, the last."""
# What the weights were trained with: Vicuna's opening, the picture between its marks, the request.
PROMPT_BEFORE: Final = (
    "A chat between a curious human and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the human's questions. USER: <im_start>"
)
PROMPT_AFTER: Final = "<im_end>\n{text} ASSISTANT:"


def sam_huge() -> SamConfig:
    """SAM's ViT-H, as `build_sam_vit_h` of the official code: global attention in every eighth layer."""
    vision = SamVisionConfig(
        hidden_size=1280, num_hidden_layers=32, num_attention_heads=16, global_attn_indexes=[7, 15, 23, 31]
    )
    return SamConfig(vision_config=vision)


def official_config(settings: Mapping[str, Any], tower: Mapping[str, Any], seg_token_id: int) -> LisaConfig:
    """Make a configuration of an official one.

    Args:
        settings: LISA's `config.json`: LLaMA's sizes, and LLaVA's `mm_` settings.
        tower: CLIP's `config.json`, whole or its vision part.
        seg_token_id: The id of `[SEG]` in its tokenizer.
    """
    names = ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
    optional = ("num_key_value_heads", "max_position_embeddings", "rms_norm_eps", "rope_theta")
    sizes = {name: settings[name] for name in names} | {n: settings[n] for n in optional if n in settings}
    return LisaConfig(
        vision_config=CLIPVisionConfig(**tower.get("vision_config", tower)),
        text_config=LlamaConfig(**sizes, bos_token_id=1, eos_token_id=2, pad_token_id=None),
        mask_config=sam_huge(),
        vision_select_layer=settings.get("mm_vision_select_layer", -2),
        projector_layers=2 if settings.get("mm_projector_type") == "mlp2x_gelu" else 1,
        seg_token_id=seg_token_id,
        prompt_before=PROMPT_BEFORE,
        prompt_after=PROMPT_AFTER,
    )


def renamed(tensors: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
    """Give official weights our names; SAM's Fourier features come out under both of theirs.

    Raises:
        KeyError: A name belongs to no model of this family.
    """
    for name, tensor in tensors:
        ours = to_ours(name)
        if ours is None:
            continue
        yield ours, tensor
        if ours in SHARED:
            yield SHARED[ours], tensor.clone()


def shards(folder: Path) -> list[Path]:
    """Return a checkpoint's files: safetensors where there are any, else PyTorch's.

    Raises:
        FileNotFoundError: There are none.
    """
    for pattern in ("*.safetensors", "pytorch_model*.bin"):
        if files := sorted(folder.glob(pattern)):
            return files
    raise FileNotFoundError(f"no weights in {folder}")


def _tensors(file: Path) -> Iterator[tuple[str, Tensor]]:
    if file.suffix == ".safetensors":
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118 - not a dictionary
                yield name, opened.get_tensor(name)
    else:
        yield from torch.load(file, map_location="cpu", weights_only=True, mmap=True).items()


def expected(config: LisaConfig) -> dict[str, torch.Size]:
    """Return names and shapes of a configuration's weights, without making them."""
    with torch.device("meta"):
        return {name: tensor.shape for name, tensor in LisaForSegmentation(config).state_dict().items()}


def check(found: Mapping[str, torch.Size], wanted: Mapping[str, torch.Size]) -> None:
    """Hold converted weights against what the model has.

    Raises:
        ValueError: Weights are missing, left over, or of other shapes; the message names up to five of each.
    """
    faults = {
        "missing": sorted(wanted.keys() - found.keys()),
        "left over": sorted(found.keys() - wanted.keys()),
        "of another shape": sorted(n for n in wanted.keys() & found.keys() if tuple(wanted[n]) != tuple(found[n])),
    }
    if any(faults.values()):
        raise ValueError("; ".join(f"{len(names)} {what}: {names[:5]}" for what, names in faults.items() if names))


def _folder(name: str) -> Path:
    return Path(name) if Path(name).is_dir() else Path(snapshot_download(name))


def convert(source: Path, tower: Path, out: Path, dtype: torch.dtype) -> None:
    """Write the converted model.

    Args:
        source: LISA's folder: config.json, weights, tokenizer.
        tower: CLIP's folder.
        out: Where the new folder goes.
        dtype: Of the written weights.

    Raises:
        FileNotFoundError: A folder holds no weights or no config.json.
        KeyError: There are weights that no model of this family has.
        ValueError: The weights do not fit the configuration.
    """
    tokenizer: Any = AutoTokenizer.from_pretrained(str(source))
    settings, tower_settings = (json.loads((f / "config.json").read_text(encoding="utf-8")) for f in (source, tower))
    config = official_config(settings, tower_settings, tokenizer.convert_tokens_to_ids(SEG))
    config.dtype = dtype
    config.architectures = [LisaForSegmentation.__name__]
    out.mkdir(parents=True, exist_ok=True)
    places: dict[str, str] = {}
    shapes: dict[str, torch.Size] = {}
    files = [*shards(source), *shards(tower)]
    for number, file in enumerate(files, 1):
        part = {name: tensor.to(dtype).contiguous() for name, tensor in renamed(_tensors(file))}
        name = f"model-{number:05d}-of-{len(files):05d}.safetensors"
        save_file(part, out / name, {"format": "pt"})
        places |= dict.fromkeys(part, name)
        shapes |= {key: tensor.shape for key, tensor in part.items()}
        log.info("%s: %d weights", file.name, len(part))
    check(shapes, expected(config))
    index = {"metadata": {"source": source.name}, "weight_map": dict(sorted(places.items()))}
    (out / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    config.save_pretrained(out)
    tokenizer.save_pretrained(out)


def main(
    source: Annotated[str, typer.Argument(help="LISA's folder or hub id.")],
    out: Annotated[Path, typer.Argument(help="The new folder.")],
    tower: Annotated[str, typer.Option(help="CLIP's folder or hub id.")] = "openai/clip-vit-large-patch14",
    dtype: Annotated[
        Literal["bfloat16", "float16", "float32"], typer.Option(help="Of the written weights.")
    ] = "bfloat16",
) -> None:
    """Make of LISA's official weights a folder that `nest segment --segmenter lisa:FOLDER` reads."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    convert(_folder(source), _folder(tower), out, getattr(torch, dtype))


if __name__ == "__main__":
    typer.run(main)

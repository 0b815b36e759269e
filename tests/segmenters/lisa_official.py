"""Names and shapes of LISA-7B-v1's official weights and of CLIP ViT-L/14, written down from the published architectures.

A table on its own: nothing of it is computed by the code that it is held against.
"""

Shapes = dict[str, tuple[int, ...]]


def linear(name: str, out: int, into: int, *, bias: bool = True) -> Shapes:
    return {f"{name}.weight": (out, into)} | ({f"{name}.bias": (out,)} if bias else {})


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def conv(name: str, *shape: int, bias: bool = True, transposed: bool = False) -> Shapes:
    return {f"{name}.weight": shape} | ({f"{name}.bias": (shape[1 if transposed else 0],)} if bias else {})


def llama(
    vocabulary: int = 32_004, width: int = 4096, inner: int = 11_008, layers: int = 32, head: int = 128
) -> Shapes:
    shapes: Shapes = {"model.embed_tokens.weight": (vocabulary, width), "lm_head.weight": (vocabulary, width)}
    shapes["model.norm.weight"] = (width,)
    for layer in range(layers):
        start = f"model.layers.{layer}"
        for part in "qkvo":
            shapes |= linear(f"{start}.self_attn.{part}_proj", width, width, bias=False)
        shapes |= linear(f"{start}.mlp.gate_proj", inner, width, bias=False)
        shapes |= linear(f"{start}.mlp.up_proj", inner, width, bias=False)
        shapes |= linear(f"{start}.mlp.down_proj", width, inner, bias=False)
        shapes[f"{start}.input_layernorm.weight"] = shapes[f"{start}.post_attention_layernorm.weight"] = (width,)
        shapes[f"{start}.self_attn.rotary_emb.inv_freq"] = (head // 2,)  # a buffer that versions of that time saved
    return shapes


def lisa_parts(width: int = 4096, clip: int = 1024, prompt: int = 256) -> Shapes:
    start = "model.text_hidden_fcs.0"
    return (
        linear("model.mm_projector", width, clip)
        | linear(f"{start}.0", width, width)
        | linear(f"{start}.2", prompt, width)
    )


def sam_encoder(width: int = 1280, layers: int = 32, heads: int = 16, out: int = 256, grid: int = 64) -> Shapes:
    start = "model.visual_model.image_encoder"
    shapes: Shapes = {f"{start}.pos_embed": (1, grid, grid, width)}
    shapes |= conv(f"{start}.patch_embed.proj", width, 3, 16, 16)
    for layer in range(layers):
        block, side = f"{start}.blocks.{layer}", grid if layer in (7, 15, 23, 31) else 14
        shapes |= norm(f"{block}.norm1", width) | norm(f"{block}.norm2", width)
        shapes |= linear(f"{block}.attn.qkv", 3 * width, width) | linear(f"{block}.attn.proj", width, width)
        shapes[f"{block}.attn.rel_pos_h"] = shapes[f"{block}.attn.rel_pos_w"] = (2 * side - 1, width // heads)
        shapes |= linear(f"{block}.mlp.lin1", 4 * width, width) | linear(f"{block}.mlp.lin2", width, 4 * width)
    shapes |= conv(f"{start}.neck.0", out, width, 1, 1, bias=False) | norm(f"{start}.neck.1", out)
    return shapes | conv(f"{start}.neck.2", out, out, 3, 3, bias=False) | norm(f"{start}.neck.3", out)


def sam_prompts(width: int = 256, masks: int = 16) -> Shapes:
    start = "model.visual_model.prompt_encoder"
    shapes: Shapes = {f"{start}.pe_layer.positional_encoding_gaussian_matrix": (2, width // 2)}
    for name in ("not_a_point_embed", "no_mask_embed", *(f"point_embeddings.{number}" for number in range(4))):
        shapes[f"{start}.{name}.weight"] = (1, width)
    down = f"{start}.mask_downscaling"
    shapes |= conv(f"{down}.0", masks // 4, 1, 2, 2) | norm(f"{down}.1", masks // 4)
    shapes |= conv(f"{down}.3", masks, masks // 4, 2, 2) | norm(f"{down}.4", masks)
    return shapes | conv(f"{down}.6", width, masks, 1, 1)


def sam_decoder(width: int = 256, inner: int = 2048) -> Shapes:
    start = "model.visual_model.mask_decoder"

    def attention(name: str, middle: int) -> Shapes:
        shapes: Shapes = {}
        for part in "qkv":
            shapes |= linear(f"{name}.{part}_proj", middle, width)
        return shapes | linear(f"{name}.out_proj", width, middle)

    shapes: Shapes = {f"{start}.iou_token.weight": (1, width), f"{start}.mask_tokens.weight": (4, width)}
    for layer in range(2):
        block = f"{start}.transformer.layers.{layer}"
        shapes |= attention(f"{block}.self_attn", width)
        shapes |= attention(f"{block}.cross_attn_token_to_image", width // 2)
        shapes |= attention(f"{block}.cross_attn_image_to_token", width // 2)
        shapes |= linear(f"{block}.mlp.lin1", inner, width) | linear(f"{block}.mlp.lin2", width, inner)
        for number in range(1, 5):
            shapes |= norm(f"{block}.norm{number}", width)
    shapes |= attention(f"{start}.transformer.final_attn_token_to_image", width // 2)
    shapes |= norm(f"{start}.transformer.norm_final_attn", width)
    up = f"{start}.output_upscaling"
    shapes |= conv(f"{up}.0", width, width // 4, 2, 2, transposed=True) | norm(f"{up}.1", width // 4)
    shapes |= conv(f"{up}.3", width // 4, width // 8, 2, 2, transposed=True)
    heads = [(f"output_hypernetworks_mlps.{number}", width // 8) for number in range(4)] + [("iou_prediction_head", 4)]
    for head, out in heads:
        for layer, size in enumerate((width, width, out)):
            shapes |= linear(f"{start}.{head}.layers.{layer}", size, width)
    return shapes


def lisa_7b() -> Shapes:
    """All that `xinlai/LISA-7B-v1` holds."""
    return llama() | lisa_parts() | sam_encoder() | sam_prompts() | sam_decoder()


def clip_large(width: int = 1024, layers: int = 24, patch: int = 14, side: int = 224) -> Shapes:
    """The vision half of `openai/clip-vit-large-patch14`, and samples of what else the file holds."""
    start, places = "vision_model", (side // patch) ** 2 + 1
    shapes: Shapes = {f"{start}.embeddings.class_embedding": (width,), f"{start}.embeddings.position_ids": (1, places)}
    shapes |= conv(f"{start}.embeddings.patch_embedding", width, 3, patch, patch, bias=False)
    shapes[f"{start}.embeddings.position_embedding.weight"] = (places, width)
    shapes |= norm(f"{start}.pre_layrnorm", width) | norm(f"{start}.post_layernorm", width)
    for layer in range(layers):
        block = f"{start}.encoder.layers.{layer}"
        for part in ("q", "k", "v", "out"):
            shapes |= linear(f"{block}.self_attn.{part}_proj", width, width)
        shapes |= norm(f"{block}.layer_norm1", width) | norm(f"{block}.layer_norm2", width)
        shapes |= linear(f"{block}.mlp.fc1", 4 * width, width) | linear(f"{block}.mlp.fc2", width, 4 * width)
    others: Shapes = {"logit_scale": (), "text_projection.weight": (768, 768), "visual_projection.weight": (768, width)}
    return shapes | others | {"text_model.embeddings.position_ids": (1, 77), "text_model.final_layer_norm.bias": (768,)}

"""Sizes of the two models, with the field names of transformers' Qwen3VLConfig."""

from .chat import SPECIALS

VOCAB = 1536
TEXT = dict(
    vocab_size=VOCAB,
    hidden_size=256,
    intermediate_size=512,
    num_hidden_layers=6,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=128,
    rms_norm_eps=1e-6,
    max_position_embeddings=4096,
    tie_word_embeddings=True,
    rope_parameters=dict(rope_type="default", rope_theta=5e6, mrope_section=[24, 20, 20], mrope_interleaved=True),
)
EXPERTS = dict(
    num_experts=8,
    num_experts_per_tok=2,
    moe_intermediate_size=256,
    norm_topk_prob=True,
    decoder_sparse_step=1,
    mlp_only_layers=[],
)
VISION = dict(
    depth=7,
    hidden_size=192,
    intermediate_size=512,
    num_heads=3,
    patch_size=16,
    spatial_merge_size=2,
    temporal_patch_size=2,
    out_hidden_size=256,
    num_position_embeddings=256,
    deepstack_visual_indexes=[1, 3, 5],
)
MIN_PIXELS, MAX_PIXELS = 4096, 102400
VIDEO_MAX_PIXELS = 16 * 128 * 128  # of all frames together


def special(token):
    return VOCAB - len(SPECIALS) + SPECIALS.index(token)


def transformers_config(moe):
    """The configuration as a transformers object."""
    import transformers

    config = (transformers.Qwen3VLMoeConfig if moe else transformers.Qwen3VLConfig)(
        text_config=dict(TEXT, **(EXPERTS if moe else {})),
        vision_config=VISION,
        image_token_id=special("<|image_pad|>"),
        video_token_id=special("<|video_pad|>"),
        vision_start_token_id=special("<|vision_start|>"),
        vision_end_token_id=special("<|vision_end|>"),
        tie_word_embeddings=True,
    )
    return config

"""A small vision-language model of the Qwen3-VL architecture: synthetic data, training, export."""

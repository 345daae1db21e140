"""A small vision-language model of the Qwen3-VL architecture: drawn data, training, export."""

"""Synthetic images and short videos with questions and exact answers, deterministic for a seed."""

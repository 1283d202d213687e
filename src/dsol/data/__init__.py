"""Clips, videos in and out, data sets, the store, scenes: all that comes before a model."""

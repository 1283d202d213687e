"""The four systems that the paper compares with, and constant baselines."""

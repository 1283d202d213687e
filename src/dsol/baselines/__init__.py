"""The four systems that the paper compares with, and maps that look and listen at nothing."""

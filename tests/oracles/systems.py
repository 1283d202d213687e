"""The compared systems' losses as loops over single numbers: slow and plain to see."""

import math


def logistic(matched, mismatched) -> float:
    hits = [math.log(1 + math.exp(-m.max())) for m in matched]
    misses = [math.log(1 + math.exp(m.max())) for m in mismatched]
    return (sum(hits) / len(hits) + sum(misses) / len(misses)) / 2


def margin(matched, mismatched, width) -> float:
    hits = [d**2 for d in matched]
    misses = [max(0.0, width - d) ** 2 for d in mismatched]
    return (sum(hits) / len(hits) + sum(misses) / len(misses)) / 2


def attended(cells, attention) -> list[float]:
    """One picture: cells (D, H, W) and attention (H, W) to a vector of length 1."""
    d, h, w = cells.shape
    total = [sum(cells[i, y, x] * attention[y, x] for y in range(h) for x in range(w)) for i in range(d)]
    length = math.sqrt(sum(v**2 for v in total))
    return [v / length for v in total]


def centre_distance(heard, seen) -> float:
    return sum(min(math.dist(a, v) for v in seen) for a in heard) / len(heard)


def ranking(matched, mismatched, width) -> float:
    return sum(max(0.0, m - n + width) for m, n in zip(matched, mismatched, strict=True)) / len(matched)


def cosine(a, b) -> float:
    length = math.hypot(*a) * math.hypot(*b)
    return sum(x * y for x, y in zip(a, b, strict=True)) / length


def soft_k_means(points, count, rounds, sharpness):
    """One set of points (N, D): centres and assignments, point by point."""
    mean = [sum(column) / len(points) for column in zip(*points, strict=True)]
    like = [cosine(p, mean) for p in points]
    centres = [list(points[like.index(min(like))])]
    while len(centres) < count:
        like = [max(cosine(p, c) for c in centres) for p in points]
        centres.append(list(points[like.index(min(like))]))
    assigned = []
    for _ in range(rounds):
        assigned = []
        for p in points:
            weights = [math.exp(sharpness * cosine(p, c)) for c in centres]
            assigned.append([w / sum(weights) for w in weights])
        centres = [
            [
                sum(a[k] * p[i] for a, p in zip(assigned, points, strict=True)) / sum(a[k] for a in assigned)
                for i in range(len(points[0]))
            ]
            for k in range(count)
        ]
    return centres, assigned


def without_largest(centres, assigned):
    """One set: all centres but the one whose points' shares sum to the most, and these shares without its column."""
    sums = [sum(row[k] for row in assigned) for k in range(len(centres))]
    largest = sums.index(max(sums))
    kept = [k for k in range(len(centres)) if k != largest]
    return [centres[k] for k in kept], [[row[k] for k in kept] for row in assigned]


def separation(logits, dominant, magnitude) -> float:
    terms = []
    for m, mixture in enumerate(logits):
        for s, mask in enumerate(mixture):
            for f, row in enumerate(mask):
                for t, x in enumerate(row):
                    p = 1 / (1 + math.exp(-x))
                    weight = min(10.0, max(1e-3, math.log(1 + magnitude[m][f][t])))
                    terms.append(-weight * math.log(p if dominant[m][s][f][t] else 1 - p))
    return sum(terms) / len(terms)


def log_frequency(waveform, bands, steps, window, rate=16_000, lowest=40.0):
    """Magnitudes (bands, steps) of one sound by the definition of the Fourier transform."""
    import numpy as np

    hop, n = rate // steps, np.arange(window)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * n / window)
    padded = np.pad(waveform, window // 2)
    bins = np.arange(window // 2 + 1)
    waves = np.exp(-2j * np.pi * np.outer(bins, n) / window)
    found = np.zeros((bands, steps))
    for t in range(steps):
        spectrum = np.abs(waves @ (padded[t * hop : t * hop + window] * hann))
        for b in range(bands):
            hz = lowest * (rate / 2 / lowest) ** (b / (bands - 1))
            found[b, t] = np.interp(hz * window / rate, bins, spectrum)
    return found

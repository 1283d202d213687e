"""The losses and the dictionary as loops over single numbers: slow and plain to see."""

import math


def bce(p: float, y: int) -> float:
    return -math.log(p if y else 1 - p)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def correspondence(matched, mismatched) -> float:
    terms = [bce(sigmoid(m.max()), 1) for m in matched] + [bce(sigmoid(m.max()), 0) for m in mismatched]
    return sum(terms) / len(terms)


def all_pairs(logits, videos) -> float:
    n = len(videos)
    hits = [bce(sigmoid(logits[i, i].max()), 1) for i in range(n)]
    misses = [bce(sigmoid(logits[i, j].max()), 0) for i in range(n) for j in range(n) if videos[i] != videos[j]]
    return (sum(hits) / len(hits) + (sum(misses) / len(misses) if misses else 0)) / 2


def pooled(cells, how, sharpness) -> float:
    values = [float(v) for row in cells for v in row]
    if how == "max":
        return max(values)
    return math.log(sum(math.exp(sharpness * v) for v in values) / len(values)) / sharpness


def refined(maps, features, power) -> list:
    """maps (K, H, W), features (C, H, W) of one picture."""
    channels, height, width = features.shape
    places = [(y, x) for y in range(height) for x in range(width)]
    mean = [sum(float(features[c, y, x]) for y, x in places) / len(places) for c in range(channels)]
    cells = {(y, x): [float(features[c, y, x]) - mean[c] for c in range(channels)] for y, x in places}

    def alike(a, b) -> float:
        dot = sum(p * q for p, q in zip(cells[a], cells[b], strict=True))
        length = math.sqrt(sum(p * p for p in cells[a]) * sum(q * q for q in cells[b]))
        return max(0.0, dot / length) ** power

    found = [[[0.0] * width for _ in range(height)] for _ in maps]
    for y, x in places:
        weights = {place: alike((y, x), place) for place in places}
        for k, one in enumerate(maps):
            found[k][y][x] = sum(w * float(one[p]) for p, w in weights.items()) / sum(weights.values())
    return found


def objectness(features) -> list:
    """features (C, H, W) of one picture."""
    channels, height, width = features.shape
    places = [(y, x) for y in range(height) for x in range(width)]
    edge = [(y, x) for y, x in places if y in (0, height - 1) or x in (0, width - 1)]

    def apart(a, b) -> float:
        return math.sqrt(sum((float(features[c][a]) - float(features[c][b])) ** 2 for c in range(channels)))

    found = {place: min(apart(place, other) for other in edge) for place in places}
    low, high = min(found.values()), max(found.values())
    return [[(found[y, x] - low) / (high - low) for x in range(width)] for y in range(height)]


def contrastive(cosine, groups, temperature) -> float:
    n = len(groups)

    def side(value):
        total = 0.0
        for i in range(n):
            rivals = [
                j for j in range(n) if j == i or not any(a == b for a, b in zip(groups[i], groups[j], strict=True))
            ]
            total -= value(i, i) / temperature - math.log(sum(math.exp(value(i, j) / temperature) for j in rivals))
        return total / n

    return (side(lambda i, j: cosine[i][j]) + side(lambda i, j: cosine[j][i])) / 2


def scene_localization(matched, mismatched) -> float:
    positive = sum(bce(sigmoid(m.max()), 1) for m in matched) / len(matched)
    quarters = []
    for m in mismatched:
        h, w = m.shape[0] // 2, m.shape[1] // 2
        quarters += [m[:h, :w].max(), m[:h, w:].max(), m[h:, :w].max(), m[h:, w:].max()]
    negative = sum(bce(sigmoid(q), 0) for q in quarters) / len(quarters) if quarters else 0.0
    return (positive + negative) / 2


def softmax(row) -> list[float]:
    total = sum(math.exp(v) for v in row)
    return [math.exp(v) / total for v in row]


def matching(seen, heard, direction, mean) -> float:
    total = 0.0
    for v, a in zip(seen, heard, strict=True):
        p_v, p_a = softmax(v), softmax(a)
        p, q = (p_v, p_a) if direction == "pv_pa" else (p_a, p_v)
        total += sum(x * math.log(x / y) for x, y in zip(p, q, strict=True))
    return total / len(seen) / (len(seen[0]) if mean == "batch_and_categories" else 1)


def sigmoid_matching(class_maps, heard) -> float:
    """Binary cross-entropy of each category's mean sigmoid with the softmax of heard / 0.7."""
    losses = []
    for maps, logits in zip(class_maps, heard, strict=True):
        targets = softmax([v / 0.7 for v in logits])
        for cells, target in zip(maps, targets, strict=True):
            shares = [sigmoid(v) for v in cells.ravel()]
            p = sum(shares) / len(shares)
            losses.append(-target * math.log(p) - (1 - target) * math.log(1 - p))
    return sum(losses) / len(losses)


def grown_mask(area, threshold, grow):
    """The mask as the released code grows it: inner cells light their four neighbours."""
    h, w = area.shape
    mask = [[1.0 if area[y, x] > threshold else 0.0 for x in range(w)] for y in range(h)]
    grown = [row[:] for row in mask]
    for y in range(1, h - 1):
        for x in range(1, w - 1):
            if grow and mask[y][x]:
                for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                    grown[y + dy][x + dx] = 1.0
    return grown


def object_feature(features, mask, mean):
    c, h, w = features.shape
    cells = [(y, x) for y in range(h) for x in range(w)]
    lit = max(1, sum(mask[y][x] for y, x in cells))
    return [sum(features[i, y, x] * mask[y][x] for y, x in cells) / (h * w if mean == "all" else lit) for i in range(c)]


def class_map(features, keys):
    k, (c, h, w) = len(keys), features.shape
    return [
        [[sum(keys[n][i] * features[i, y, x] for i in range(c)) for x in range(w)] for y in range(h)] for n in range(k)
    ]

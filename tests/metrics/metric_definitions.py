"""The metrics written down literally, slowly and without the package."""

import math
from itertools import pairwise


def regions(mask, connectivity=8):
    """Connected components of one mask by flood fill: lists of (row, column)."""
    height, width = len(mask), len(mask[0])
    steps = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)]
    if connectivity == 4:
        steps = [(a, b) for a, b in steps if a == 0 or b == 0]
    seen, found = set(), []
    for start in ((r, c) for r in range(height) for c in range(width)):
        if not mask[start[0]][start[1]] or start in seen:
            continue
        region, queue = [], [start]
        seen.add(start)
        while queue:
            r, c = queue.pop()
            region.append((r, c))
            for a, b in steps:
                near = (r + a, c + b)
                inside = 0 <= near[0] < height and 0 <= near[1] < width
                if inside and near not in seen and mask[near[0]][near[1]]:
                    seen.add(near)
                    queue.append(near)
        found.append(region)
    return found


def pools(maps, masks, connectivity=8):
    """Scores of all normal pixels, and one list of scores per region."""
    normal, instances = [], []
    for scores, mask in zip(maps.tolist(), masks.tolist(), strict=True):
        instances += [[scores[r][c] for r, c in g] for g in regions(mask, connectivity)]
        normal += [
            s
            for ss, ms in zip(scores, mask, strict=True)
            for s, m in zip(ss, ms, strict=True)
            if not m
        ]
    return normal, instances


def iap_envelope(maps, masks):
    """Best precision at >= m of the R instances, for m = 1..R, over instance thresholds."""
    normal, instances = pools(maps, masks)
    thresholds = []
    for g in instances:
        covering = [t for t in g if 2 * sum(s >= t for s in g) > len(g)]
        thresholds.append(max(covering))
    points = []
    for t in thresholds:
        tp = sum(s >= t for g in instances for s in g)
        fp = sum(s >= t for s in normal)
        points.append((sum(u >= t for u in thresholds), tp / (tp + fp)))
    return [max(p for n, p in points if n >= m) for m in range(1, len(thresholds) + 1)]


def iap(maps, masks):
    envelope = iap_envelope(maps, masks)
    return math.fsum(envelope) / len(envelope)


def iap_at(maps, masks, k):
    envelope = iap_envelope(maps, masks)
    return next(e for m, e in enumerate(envelope, 1) if m / len(envelope) >= k)


def pro(maps, masks, limit=0.3, connectivity=8):
    """MVTec's definition: trapezoid under (FPR, mean overlap), cut at the limit."""
    normal, instances = pools(maps, masks, connectivity)
    points = [(0.0, 0.0)]
    for threshold in sorted({*normal, *(s for g in instances for s in g)}, reverse=True):
        fpr = sum(s >= threshold for s in normal) / len(normal)
        overlaps = [sum(s >= threshold for s in g) / len(g) for g in instances]
        points.append((fpr, math.fsum(overlaps) / len(overlaps)))
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 >= limit:
            break
        if x1 > limit:
            x1, y1 = limit, y0 + (y1 - y0) * (limit - x0) / (x1 - x0)
        area += (x1 - x0) * (y0 + y1) / 2
    return area / limit


def image_score(scores, top_t):
    ranked = sorted(scores.reshape(-1).tolist(), reverse=True)[:top_t]
    return math.fsum(ranked) / len(ranked)


def f1_max(scores, labels):
    """Best F1 of `scores >= threshold` over the scores as thresholds."""
    best = 0.0
    for threshold in set(scores):
        taken = [label for score, label in zip(scores, labels, strict=True) if score >= threshold]
        precision, recall = sum(taken) / len(taken), sum(taken) / sum(labels)
        if precision + recall > 0:
            best = max(best, 2 * precision * recall / (precision + recall))
    return best

"""Things from the house: a bottle's mouth, a hazelnut, a toothbrush's head and a zipper."""

import math

import numpy as np

from bench.data.miniature import noise
from bench.data.miniature.defects import Flaw, blot, chip, crack, fibre, scratch
from bench.data.miniature.draw import Canvas, blend, bump, hypot, odd, toned, varied
from bench.data.miniature.shapes import box, circle, lattice, lettering

_HANDLES = ((0.16, 0.48, 0.62), (0.20, 0.52, 0.36), (0.72, 0.30, 0.28), (0.78, 0.56, 0.20))
_TUFTS = ((0.36, 0.60, 0.86), (0.40, 0.74, 0.62), (0.90, 0.52, 0.40))


def bottle(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw an amber bottle from above: shoulder, lip and mouth, lit from any side."""
    f = canvas.part
    r, _ = f.polar()
    grain = noise.layered(f.x, f.y, 5, rng)
    canvas.paint(varied((0.66, 0.67, 0.68), rng))
    cast, _ = f.shadow(0.05).polar()
    canvas.paint((0.25, 0.24, 0.23), 0.6 * bump(np.maximum(cast - 0.84, 0), 0.1))

    glass = f.cover(r - 0.86)
    depth = np.clip((r - 0.55) * (1 / 0.31), 0, 1)
    amber = varied((0.52, 0.25, 0.08), rng, 0.16)
    canvas.paint(blend((0.16, 0.07, 0.03), amber, depth**1.6), glass)
    canvas.paint((0.10, 0.05, 0.02), 0.7 * glass * bump(r - rng.uniform(0.70, 0.74), 0.025))

    # The mouth is nearer to the camera than the shoulder, so it seems to lean.
    neck = f.place((rng.uniform(-0.05, 0.05), rng.uniform(-0.05, 0.05)))
    r, angle = neck.polar()
    profile = np.clip(1 - ((r - 0.50) * (1 / 0.12)) ** 2, 0, 1)
    lip = f.cover(np.abs(r - 0.50) - 0.12)
    bright = varied((0.62, 0.36, 0.15), rng, 0.12)
    canvas.paint(blend((0.22, 0.10, 0.04), bright, np.sqrt(profile)), lip)
    canvas.shade(1 + 0.10 * grain, glass)
    # Reflexes: the lamp and three more things in the room, on the shoulder and on the lip.
    lamp = math.atan2(f.light[1], f.light[0])
    for place, strong in ((lamp, 0.9), (lamp + 2.6, 0.6), *[(rng.uniform(0, 6.3), 0.6)] * 2):
        for ring, width in ((rng.uniform(0.75, 0.82), 0.035), (rng.uniform(0.46, 0.56), 0.04)):
            facing = np.cos(angle - (place + rng.uniform(-0.6, 0.6)))
            lobe = np.maximum(facing, 0) ** int(rng.integers(4, 24))
            glint = strong * rng.uniform(0.7, 1.1) * lobe * bump(r - ring, width)
            canvas.paint((1.0, 0.93, 0.80), glint * glass)

    mouth = f.cover(r - 0.38)
    inside = np.clip(r * (1 / 0.38), 0, 1)
    canvas.paint(blend((0.13, 0.07, 0.04), (0.04, 0.025, 0.02), inside), mouth)
    for _ in range(2):
        at = rng.uniform(-0.12, 0.12), rng.uniform(-0.12, 0.12)
        floor = circle(neck, rng.uniform(0.12, 0.26), at)
        glow = rng.uniform(0.2, 0.8) * bump(floor, rng.uniform(0.015, 0.05))
        canvas.paint((0.46, 0.31, 0.18), glow * (0.6 + 0.6 * grain).clip(0, 1) * mouth)

    if flaw.kind.startswith("broken"):
        large = flaw.kind == "broken_large"
        turn, radius = flaw.rng.uniform(0, math.tau), flaw.rng.uniform(0.09, 0.12)
        at = 0.5 * math.cos(turn), 0.5 * math.sin(turn)
        hole = chip(neck, flaw, at, 2.2 * radius if large else radius)
        hole = hole * f.cover(np.abs(r - 0.5) - 0.14)
        facets = noise.voronoi(f.x, f.y, 16, flaw.rng)[2]
        shards = blend((0.08, 0.03, 0.01), (0.70, 0.48, 0.26), facets**2)
        canvas.paint(shards, (0.3 + 0.7 * flaw.strength) * hole)
        canvas.blame(hole)
    elif flaw.kind == "contamination":
        for spot in flaw.spots(1, 3, (0.22, 0.22)):
            color = blend((0.62, 0.60, 0.56), (0.30, 0.28, 0.24), np.abs(grain).clip(0, 1))
            dirt = blot(neck, flaw, spot, flaw.rng.uniform(0.06, 0.12))
            canvas.paint(color, 0.8 * flaw.strength * dirt)


def hazelnut(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a nut at any angle: a ribbed brown shell with a pale scar at the blunt end."""
    f = canvas.part
    plump, taper = rng.uniform(0.58, 0.70), rng.uniform(0.12, 0.28)
    canvas.paint(varied((0.26, 0.27, 0.29), rng, 0.1))
    canvas.shade(1 + 0.06 * noise.layered(canvas.frame.x, canvas.frame.y, 6, rng))

    # An egg: the half width shrinks towards the tip at x = 0.78.
    half = plump * (1 - taper * f.x) + 0.02 * noise.smooth(f.x, f.y, 3, rng)
    inner = hypot(f.x * (1 / 0.76), f.y / half)
    edge = (inner - 1) * 0.66
    shell = f.cover(edge)
    fallen = f.shadow(0.06)
    cast = (hypot(fallen.x * (1 / 0.76), fallen.y / half) - 1) * 0.66
    canvas.shade(1 - 0.55 * bump(np.maximum(cast, 0), 0.09))
    # Ribs run from the scar to the tip, so they crowd where the nut narrows.
    slim = np.sqrt(np.clip(1 - (f.x * (1 / 0.8)) ** 2, 0.05, 1))
    across = f.y / np.maximum(half * slim, 0.05)
    ribs = noise.smooth(f.x * 0.6, across, 16, rng) + 0.6 * noise.smooth(f.x * 1.5, across, 30, rng)
    tone = np.clip(0.5 + 0.55 * ribs + 0.35 * noise.layered(f.x, f.y, 4, rng), 0, 1)
    skin = blend(varied((0.30, 0.14, 0.06), rng, 0.2), varied((0.78, 0.50, 0.27), rng, 0.12), tone)
    scar = f.cover(f.x + rng.uniform(0.42, 0.60) + 0.25 * f.y**2 + 0.03 * ribs, 0.08)
    pale = blend((0.66, 0.52, 0.36), (0.80, 0.68, 0.50), tone)
    canvas.paint(blend(skin, pale, scar), shell)
    bloom = np.clip(noise.layered(f.x, across, 7, rng) - rng.uniform(0.1, 0.5), 0, 1)
    canvas.paint((0.86, 0.70, 0.50), np.minimum(bloom, 0.6) * shell)

    if flaw.kind == "crack":
        heading = flaw.rng.choice((0.0, 0.6, -0.6))
        gap = crack(f, flaw, flaw.spot((0.3, 0.25)), flaw.rng.uniform(0.5, 0.85), 0.06, heading)
        canvas.paint((0.08, 0.04, 0.03), (0.2 + 0.6 * flaw.strength) * gap * shell)
    elif flaw.kind == "cut":
        for spot in flaw.spots(1, 2, (0.4, 0.3)):
            slit = scratch(f, flaw, spot, flaw.rng.uniform(0.28, 0.5), 0.06)
            canvas.paint((0.90, 0.74, 0.52), (0.2 + 0.6 * flaw.strength) * slit * shell)
    elif flaw.kind == "hole":
        for spot in flaw.spots(1, 2, (0.4, 0.35)):
            radius = flaw.size * flaw.rng.uniform(0.06, 0.10)
            rim = f.cover(circle(f, 1.4 * radius, spot), 0.03)
            canvas.paint((0.82, 0.68, 0.46), 0.6 * flaw.strength * rim * shell)
            canvas.paint((0.07, 0.04, 0.03), 0.75 * f.cover(circle(f, radius, spot)) * shell)
    elif flaw.kind == "print":
        word = f.place(flaw.spot((0.2, 0.2)), flaw.rng.uniform(0, math.tau))
        text = ("HK", "K5", "H0")[flaw.rng.integers(3)]
        strokes = lettering(word, text, 0.24 * flaw.size**0.5)
        ink = word.cover(strokes - 0.028) * shell
        canvas.paint((0.90, 0.88, 0.84), (0.2 + 0.5 * flaw.strength) * ink)
        canvas.blame(word.cover(strokes - 0.06) * shell)

    ball = np.sqrt(np.clip(1 - inner**2, 0, 1))
    canvas.shade(0.45 + 0.62 * ball + 0.28 * f.lit(), shell)
    toward = 0.28 * f.light[0], 0.28 * f.light[1]
    gloss = rng.uniform(0.10, 0.5)
    canvas.paint((1.0, 0.93, 0.82), gloss * shell * bump(circle(f, 0, toward), 0.22))


def toothbrush(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a brush's head from above: staggered tufts of bristles on a rounded base."""
    f = canvas.part
    handle = varied(_HANDLES[rng.integers(4)], rng, 0.1)
    canvas.paint(varied((0.12, 0.12, 0.13), rng, 0.2))
    canvas.shade(1 + 0.12 * noise.layered(canvas.frame.x, canvas.frame.y, 8, rng))

    edge = np.minimum(box(f, (0.47, 0.84), 0.40, (0, -0.06)), box(f, (0.17, 0.5), 0.05, (0, 1.1)))
    base = f.cover(edge)
    canvas.paint(handle, base)
    canvas.shade(1 + 0.35 * bump(edge + 0.04, 0.03) + 0.25 * f.lit().clip(-0.6, 0.6), base)

    # Splayed bristles are the same tufts, seen through a lens that pulls them aside.
    wild = np.zeros_like(f.x)
    g = f
    if flaw.kind == "splayed_bristles":
        spot = flaw.spot((0.22, 0.5), (0, -0.06))
        width = flaw.size**0.5 * flaw.rng.uniform(0.17, 0.24)
        wild = bump(circle(f, 0, spot), width)
        turn, push = flaw.rng.uniform(0, math.tau), flaw.rng.uniform(0.10, 0.16)
        g = f.moved(wild * (push * math.cos(turn)), wild * (push * math.sin(turn)))
        canvas.blame((wild > 0.35) * base)
    cell, column, row = lattice(g.place((0, -0.06)), (0.205, 0.185), 0.5)
    column = column + 0.5 * odd(row)
    wobble = 0.030 * noise.smooth(column * 9.1 + 3, row * 7.3, 40, rng)
    jitter = 0.030 * noise.smooth(column * 8.3, row * 9.7, 40, rng)
    cell = cell.moved(wobble, jitter)
    speckle = noise.smooth(f.x + wild * 0.1, f.y, 60, rng)
    strands = noise.layered(f.x, f.y, 24, rng, 2)
    cut = 0.083 + 0.25 * jitter
    tuft_edge = hypot(cell.x, cell.y) - cut - 0.014 * strands
    planted = box(f.moved(column * 0.205 - f.x, row * 0.185 - f.y), (0.36, 0.72), 0.30) < 0
    if flaw.kind == "missing_tuft":
        for spot in flaw.spots(1, 3, (0.26, 0.55)):
            away = hypot(column * 0.205 - spot[0], row * 0.185 - spot[1])
            nearest = away <= away.min() + 1e-3
            planted = planted & ~nearest
            canvas.paint((0.05, 0.05, 0.06), 0.55 * f.cover(circle(cell, 0.06)) * nearest)
    tuft = f.cover(tuft_edge) * planted
    fallen = cell.shadow(0.036)
    canvas.shade(0.55, f.cover(hypot(fallen.x, fallen.y) - 0.1) * planted)
    inner = (np.abs(column) < 1.2) & (np.abs(row) < 3.5)
    color = blend((0.90, 0.91, 0.90), varied(_TUFTS[rng.integers(3)], rng, 0.1), inner)
    canvas.paint(toned(color, 0.80 + 0.3 * speckle + 1.6 * cell.lit()), tuft)
    if flaw.kind == "splayed_bristles":
        for near in [spot, flaw.spot((0.1, 0.1), spot), flaw.spot((0.1, 0.1), spot)]:
            loose = fibre(f, flaw, near, flaw.rng.uniform(0.25, 0.4), 0.04)
            canvas.paint((0.88, 0.89, 0.90), (0.3 + 0.6 * flaw.strength) * loose)
            canvas.blame(loose)
    elif flaw.kind == "contamination":
        for spot in flaw.spots(1, 2, (0.28, 0.6), (0, -0.06)):
            dirt = blot(f, flaw, spot, flaw.rng.uniform(0.07, 0.13), 0.03)
            canvas.paint((0.34, 0.25, 0.14), (0.2 + 0.7 * flaw.strength) * dirt)
            canvas.blame(dirt)


def zipper(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a closed zipper: two woven tapes whose metal teeth interlock in the middle."""
    pitch = 0.19
    f = canvas.part
    f = f.moved(0.06 * noise.smooth(np.zeros_like(f.y), f.y, 2, rng), 0.0)
    canvas.paint(varied((0.78, 0.77, 0.75), rng, 0.1))

    split = np.zeros_like(f.x)
    if flaw.kind == "split_teeth":
        reach = flaw.size**0.5 * flaw.rng.uniform(0.2, 0.32)
        rise = bump(f.y - flaw.rng.uniform(-0.6, 0.6), reach)
        split = flaw.rng.uniform(0.10, 0.17) * rise
        canvas.blame((rise > 0.25) & (np.abs(f.x) < split + 0.20))
    fray = 0.018 * noise.layered(f.x, f.y, 20, rng)
    edge = np.abs(f.x) - rng.uniform(0.66, 0.79) + fray
    if flaw.kind == "fabric_border":
        side = flaw.rng.choice((-1, 1))
        tall = flaw.size * flaw.rng.uniform(0.08, 0.14)
        bite = bump(f.y - flaw.rng.uniform(-0.7, 0.7), tall)
        ragged = 1 + 3 * noise.smooth(f.x, f.y, 24, flaw.rng)
        deep = flaw.size**0.5 * flaw.rng.uniform(0.13, 0.22)
        edge = edge + deep * bite * ragged.clip(0.4, 1.6) * (f.x * side > 0)
    cloth = f.cover(np.maximum(edge, split * 0.9 - np.abs(f.x)))
    canvas.shade(1 - 0.35 * bump(np.maximum(edge, 0), 0.05))
    canvas.paint(varied((0.13, 0.16, 0.26), rng, 0.2), cloth)
    g = f.moved(rng.uniform(0, 1), rng.uniform(0, 1))
    twill = np.sin((g.x * 0.9 + g.y) * 58) * np.sin((g.x - g.y) * 58)
    nap = noise.layered(f.x, f.y, 12, rng)
    drape = noise.smooth(f.x, f.y * 0.4, 3, rng)
    weave = 0.20 * twill + 0.24 * nap + 0.24 * drape
    canvas.shade(1 + weave - 0.35 * bump(np.abs(f.x) - 0.25, 0.02), cloth)
    canvas.paint((0.24, 0.28, 0.40), 0.7 * cloth * bump(np.abs(f.x) - 0.62, 0.012))
    if flaw.kind == "fabric_interior":
        side = flaw.rng.choice((-1, 1))
        for spot in flaw.spots(1, 2, (0.12, 0.7), (0.46 * side, 0)):
            tear = blot(f, flaw, spot, flaw.rng.uniform(0.06, 0.11), 0.05)
            fuzz = np.clip(0.6 + noise.smooth(f.x, f.y, 50, flaw.rng), 0.2, 1)
            canvas.paint((0.50, 0.52, 0.57), 0.85 * flaw.strength * tear * fuzz)

    gone: list[tuple[int, int]] = []
    if flaw.kind == "broken_teeth":
        first, count = int(flaw.rng.integers(-4, 3)), int(flaw.rng.integers(1, 5))
        gone = [(int(flaw.rng.choice((-1, 1))), first + i) for i in range(count)]
    phase = rng.uniform(-0.5, 0.5) * pitch
    brass = varied((0.93, 0.88, 0.72), rng, 0.08)
    for side in (-1, 1):
        half = (f if side > 0 else f.mirrored()).moved(-split, 0.0)
        cell, _, row = lattice(half.place((0.0, phase + 0.25 * side * pitch)), (9.0, pitch))
        cell = cell.moved(0.0, 0.012 * noise.smooth(row * 8.3, row * 5.7 + side, 40, rng))
        stem = box(cell, (0.10, 0.036), 0.02, (0.11, 0))
        tooth = np.minimum(stem, box(cell, (0.055, 0.056), 0.035, (0.0, 0)))
        solid = f.cover(tooth)
        for lost_side, lost_row in gone:
            if lost_side == side:
                solid = solid * (row != lost_row)
        canvas.shade(0.45, 0.6 * f.cover(tooth - 0.03, 0.04))
        sheen = np.clip(0.6 + cell.lit() * (1 / 0.07), 0, 1)
        canvas.paint(blend((0.42, 0.38, 0.28), brass, sheen), solid)

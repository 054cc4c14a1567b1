"""Things from the house: a bottle's mouth, a hazelnut, a toothbrush's head and a zipper."""

import math

import numpy as np

from bench.data.miniature import noise
from bench.data.miniature.defects import Flaw, blot, chip, crack, fibre, scratch
from bench.data.miniature.draw import Canvas, Frame, blend, bump, toned
from bench.data.miniature.shapes import box, circle, lattice, lettering


def bottle(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw an amber bottle from above: shoulder, lip and mouth, lit from any side."""
    at = rng.uniform(-0.04, 0.04), rng.uniform(-0.04, 0.04)
    f = canvas.frame.place(at, rng.uniform(0, math.tau), rng.uniform(0.95, 1.02))
    r, angle = f.polar()
    grain = noise.layered(f.x, f.y, 5, rng)
    canvas.paint((0.66, 0.67, 0.68))
    canvas.paint((0.25, 0.24, 0.23), 0.6 * bump(np.maximum(r - 0.84, 0), 0.1))

    glass = f.cover(r - 0.86)
    depth = np.clip((r - 0.55) / 0.31, 0, 1)
    canvas.paint(blend((0.16, 0.07, 0.03), (0.52, 0.25, 0.08), depth**1.6), glass)
    canvas.paint((0.10, 0.05, 0.02), 0.7 * glass * bump(r - 0.72, 0.025))
    lobes = np.maximum(np.cos(angle), 0) ** 5 + 0.6 * np.maximum(np.cos(angle + 2.6), 0) ** 8
    canvas.paint((1.0, 0.90, 0.74), 0.75 * glass * lobes * bump(r - 0.785, 0.026))

    profile = np.clip(1 - ((r - 0.50) / 0.12) ** 2, 0, 1)
    lip = f.cover(np.abs(r - 0.50) - 0.12)
    canvas.paint(blend((0.22, 0.10, 0.04), (0.62, 0.36, 0.15), np.sqrt(profile)), lip)
    canvas.shade(1 + 0.08 * grain, glass)
    glints = np.maximum(np.cos(angle + 0.3), 0) ** 3 + 0.7 * np.maximum(np.cos(angle - 2.8), 0) ** 5
    canvas.paint((1.0, 0.95, 0.86), 0.85 * glints * bump(r - 0.515, 0.030))

    mouth = f.cover(r - 0.38)
    canvas.paint(blend((0.13, 0.07, 0.04), (0.04, 0.025, 0.02), np.clip(r / 0.38, 0, 1)), mouth)
    canvas.paint((0.32, 0.20, 0.12), 0.55 * mouth * bump(circle(f, 0.22, (0.04, 0.02)), 0.02))

    if flaw.kind.startswith("broken"):
        large = flaw.kind == "broken_large"
        turn, radius = flaw.rng.uniform(0, math.tau), flaw.rng.uniform(0.06, 0.11)
        at = 0.5 * math.cos(turn), 0.5 * math.sin(turn)
        hole = chip(f, flaw, at, 2.6 * radius if large else radius) * f.cover(
            np.abs(r - 0.5) - 0.13
        )
        facets = noise.voronoi(f.x, f.y, 16, flaw.rng)[2]
        canvas.paint(blend((0.05, 0.02, 0.01), (0.80, 0.66, 0.48), facets**4), 0.95 * hole)
    elif flaw.kind == "contamination":
        for spot in flaw.spots(1, 3, (0.22, 0.22)):
            color = blend((0.62, 0.60, 0.56), (0.30, 0.28, 0.24), np.abs(grain).clip(0, 1))
            dirt = blot(f, flaw, spot, flaw.rng.uniform(0.05, 0.12))
            canvas.paint(color, 0.9 * flaw.strength * dirt)


def hazelnut(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a nut at any angle: a ribbed brown shell with a pale scar at the blunt end."""
    at = rng.uniform(-0.06, 0.06), rng.uniform(-0.06, 0.06)
    light = rng.uniform(0, math.tau)
    f = canvas.frame.place(at, rng.uniform(0, math.tau), rng.uniform(0.93, 1.04))
    plump = rng.uniform(0.60, 0.68)
    canvas.paint((0.26, 0.27, 0.29))
    canvas.shade(1 + 0.05 * noise.layered(canvas.frame.x, canvas.frame.y, 6, rng))

    # An egg: the half width shrinks towards the tip at x = 0.78.
    half = plump * (1 - 0.22 * f.x) + 0.02 * noise.smooth(f.x, f.y, 3, rng)
    inner = np.hypot(f.x / 0.76, f.y / half)
    edge = (inner - 1) * 0.66
    shell = f.cover(edge)
    canvas.shade(1 - 0.5 * bump(np.maximum(edge, 0), 0.08))
    # Ribs run from the scar to the tip, so they crowd where the nut narrows.
    across = f.y / np.maximum(half * np.sqrt(np.clip(1 - (f.x / 0.8) ** 2, 0.05, 1)), 0.05)
    ribs = noise.smooth(f.x * 0.6, across, 16, rng) + 0.6 * noise.smooth(f.x * 1.5, across, 30, rng)
    tone = np.clip(0.5 + 0.35 * ribs + 0.2 * noise.layered(f.x, f.y, 4, rng), 0, 1)
    skin = blend((0.42, 0.22, 0.10), (0.72, 0.46, 0.24), tone)
    scar = f.cover(f.x + 0.50 + 0.25 * f.y**2 + 0.03 * ribs, 0.08)
    pale = blend((0.66, 0.52, 0.36), (0.80, 0.68, 0.50), tone)
    canvas.paint(blend(skin, pale, scar), shell)

    if flaw.kind == "crack":
        heading = flaw.rng.choice([0.0, 0.6, -0.6])
        gap = crack(f, flaw, flaw.spot((0.3, 0.25)), flaw.rng.uniform(0.6, 1.0), 0.05, heading)
        canvas.paint((0.08, 0.04, 0.03), (0.2 + 0.8 * flaw.strength) * gap * shell)
    elif flaw.kind == "cut":
        for spot in flaw.spots(1, 2, (0.4, 0.3)):
            slit = scratch(f, flaw, spot, flaw.rng.uniform(0.25, 0.5), 0.05)
            canvas.paint((0.90, 0.78, 0.58), flaw.strength * slit * shell)
    elif flaw.kind == "hole":
        for spot in flaw.spots(1, 2, (0.4, 0.35)):
            radius = flaw.rng.uniform(0.07, 0.12)
            canvas.paint((0.82, 0.68, 0.46), 0.7 * blot(f, flaw, spot, radius + 0.03) * shell)
            canvas.paint((0.07, 0.04, 0.03), f.cover(circle(f, radius, spot)) * shell)
    elif flaw.kind == "print":
        word = f.place(flaw.spot((0.2, 0.2)), flaw.rng.uniform(0, math.tau))
        ink = word.cover(lettering(word, flaw.rng.choice(["HK", "K5", "H0"]), 0.28) - 0.025)
        canvas.paint((0.90, 0.88, 0.84), flaw.strength * ink * shell)

    ball = np.sqrt(np.clip(1 - inner**2, 0, 1))
    lit = canvas.frame.x * math.cos(light) + canvas.frame.y * math.sin(light)
    canvas.shade(0.45 + 0.62 * ball + 0.28 * lit, shell)
    toward = at[0] + 0.28 * math.cos(light), at[1] + 0.28 * math.sin(light)
    canvas.paint((1.0, 0.93, 0.82), 0.22 * shell * bump(circle(canvas.frame, 0, toward), 0.22))


def toothbrush(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a brush's head from above: staggered tufts of bristles on a rounded base."""
    at = rng.uniform(-0.04, 0.04), rng.uniform(-0.03, 0.03)
    f = canvas.frame.place(at, rng.uniform(-0.06, 0.06), rng.uniform(0.97, 1.03))
    handle = [(0.16, 0.48, 0.62), (0.20, 0.52, 0.36), (0.72, 0.30, 0.28)][rng.integers(3)]
    canvas.paint((0.12, 0.12, 0.13))
    canvas.shade(1 + 0.1 * noise.layered(canvas.frame.x, canvas.frame.y, 8, rng))

    edge = np.minimum(box(f, (0.47, 0.84), 0.40, (0, -0.06)), box(f, (0.17, 0.5), 0.05, (0, 1.1)))
    base = f.cover(edge)
    canvas.paint(handle, base)
    canvas.shade(1 + 0.35 * bump(edge + 0.04, 0.03) - 0.15 * np.clip(f.x * 2, -1, 1), base)

    # Splayed bristles are the same tufts, seen through a lens that pulls them aside.
    wild = np.zeros_like(f.x)
    g = f
    if flaw.kind == "splayed_bristles":
        spot = flaw.spot((0.22, 0.5), (0, -0.06))
        wild = bump(circle(f, 0, spot), flaw.rng.uniform(0.16, 0.26))
        turn = flaw.rng.uniform(0, math.tau)
        push = flaw.rng.uniform(0.08, 0.14)
        g = f.moved(wild * (push * math.cos(turn)), wild * (push * math.sin(turn)))
    cell, column, row = lattice(g.place((0, -0.06)), (0.205, 0.185), 0.5)
    column = column + 0.5 * np.mod(row, 2)
    wobble = 0.018 * noise.smooth(column * 9.1 + 3, row * 7.3, 40, rng)
    speckle = noise.smooth(f.x + wild * 0.1, f.y, 60, rng)
    strands = noise.layered(f.x, f.y, 24, rng, 2)
    tuft_edge = np.hypot(cell.x + wobble, cell.y - wobble) - 0.083 - 0.012 * strands
    planted = box(Frame(column * 0.205, row * 0.185, f.px), (0.36, 0.72), 0.30) < 0
    if flaw.kind == "missing_tuft":
        for spot in flaw.spots(1, 3, (0.26, 0.55)):
            nearest = np.hypot(column * 0.205 - spot[0], row * 0.185 - spot[1])
            planted = planted & (nearest > nearest.min() + 1e-3)
            hole = f.cover(circle(cell, 0.06)) * (nearest <= nearest.min() + 1e-3)
            canvas.paint((0.05, 0.05, 0.06), 0.55 * hole)
    tuft = f.cover(tuft_edge) * planted
    canvas.shade(0.55, f.cover(np.hypot(cell.x - 0.02, cell.y - 0.03) - 0.1) * planted)
    inner = (np.abs(column) < 1.2) & (np.abs(row) < 3.5)
    color = blend((0.90, 0.91, 0.90), (0.36, 0.60, 0.86), inner)
    canvas.paint(toned(color, 0.86 + 0.16 * speckle - 0.9 * (cell.x + cell.y)), tuft)
    if flaw.kind == "splayed_bristles":
        for spot_near in [spot, flaw.spot((0.1, 0.1), spot), flaw.spot((0.1, 0.1), spot)]:
            loose = fibre(f, flaw, spot_near, flaw.rng.uniform(0.25, 0.4), 0.03)
            canvas.paint((0.88, 0.89, 0.90), flaw.strength * loose)
    elif flaw.kind == "contamination":
        for spot in flaw.spots(1, 2, (0.28, 0.6), (0, -0.06)):
            dirt = blot(f, flaw, spot, flaw.rng.uniform(0.06, 0.13), 0.03)
            canvas.paint((0.30, 0.22, 0.12), flaw.strength * dirt)


def zipper(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a closed zipper: two woven tapes whose metal teeth interlock in the middle."""
    pitch = 0.19
    at = rng.uniform(-0.03, 0.03), rng.uniform(-0.5, 0.5) * pitch
    f = canvas.frame.place(at, rng.uniform(-0.03, 0.03), rng.uniform(0.98, 1.02))
    canvas.paint((0.78, 0.77, 0.75))

    split = np.zeros_like(f.x)
    if flaw.kind == "split_teeth":
        middle = flaw.rng.uniform(-0.6, 0.6)
        split = flaw.rng.uniform(0.07, 0.14) * bump(f.y - middle, flaw.rng.uniform(0.2, 0.4))
    fray = 0.014 * noise.layered(f.x, f.y, 20, rng)
    edge = np.abs(f.x) - 0.74 + fray
    if flaw.kind == "fabric_border":
        side = flaw.rng.choice([-1.0, 1.0])
        bite = bump(f.y - flaw.rng.uniform(-0.7, 0.7), flaw.rng.uniform(0.07, 0.16))
        ragged = 1 + 3 * noise.smooth(f.x, f.y, 24, flaw.rng)
        edge = edge + flaw.rng.uniform(0.12, 0.25) * bite * ragged.clip(0.4, 1.6) * (f.x * side > 0)
    cloth = f.cover(np.maximum(edge, split * 0.9 - np.abs(f.x)))
    twill = np.sin((f.x * 0.9 + f.y) * 58) * np.sin((f.x - f.y) * 58)
    nap = noise.layered(f.x, f.y, 10, rng)
    weave = 0.16 * twill + 0.12 * nap
    canvas.shade(1 - 0.3 * bump(np.maximum(edge, 0), 0.05))
    canvas.paint((0.13, 0.16, 0.26), cloth)
    canvas.shade(1 + weave - 0.35 * bump(np.abs(f.x) - 0.25, 0.02), cloth)
    canvas.paint((0.24, 0.28, 0.40), 0.7 * cloth * bump(np.abs(f.x) - 0.62, 0.012))
    if flaw.kind == "fabric_interior":
        side = flaw.rng.choice([-1.0, 1.0])
        for spot in flaw.spots(1, 2, (0.12, 0.7), (0.46 * side, 0)):
            tear = blot(f, flaw, spot, flaw.rng.uniform(0.05, 0.11), 0.05)
            fuzz = np.clip(0.6 + noise.smooth(f.x, f.y, 50, flaw.rng), 0.2, 1)
            canvas.paint((0.55, 0.57, 0.62), flaw.strength * tear * fuzz)

    gone: list[tuple[float, int]] = []
    if flaw.kind == "broken_teeth":
        first = int(flaw.rng.integers(-4, 4))
        gone = [
            (float(flaw.rng.choice([-1, 1])), first + i) for i in range(flaw.rng.integers(1, 4))
        ]
    for side in (-1.0, 1.0):
        shifted = Frame(side * f.x - split, f.y, f.px)
        cell, _, row = lattice(shifted.place((0.0, 0.25 * side * pitch)), (9.0, pitch))
        stem = box(cell, (0.10, 0.036), 0.02, (0.11, 0))
        tooth = np.minimum(stem, box(cell, (0.055, 0.056), 0.035, (0.0, 0)))
        solid = f.cover(tooth)
        for lost_side, lost_row in gone:
            if lost_side == side:
                solid = solid * (row != lost_row)
        canvas.shade(0.45, f.cover(tooth - 0.03, 0.04) * (solid >= 0) * 0.6)
        metal = blend((0.42, 0.38, 0.28), (0.93, 0.88, 0.72), np.clip(0.6 - cell.y / 0.07, 0, 1))
        canvas.paint(metal, solid)

"""Surfaces that fill the image: carpet, wire grid, leather, tile and wood."""

import math

import numpy as np

from bench.data.miniature import noise
from bench.data.miniature.defects import Flaw, blot, crack, fibre, scratch
from bench.data.miniature.draw import Canvas, Plane, blend, bump, odd, toned, varied, wrapped
from bench.data.miniature.shapes import box, circle, lattice


def carpet(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a plain weave of heather yarn; a quarter turn only swaps warp and weft."""
    f = canvas.part
    sway = 0.03 * noise.smooth(f.x, f.y, 4, rng)
    lean = 0.03 * noise.smooth(f.x, f.y, 4, rng)
    cell, column, row = lattice(f.moved(sway, lean), (0.125, 0.125))
    warp = odd(column + row)
    upright = warp > 0.5
    along = np.where(upright, cell.y, cell.x) * 16
    across = np.where(upright, cell.x, cell.y) * 16
    bulge = np.sqrt(np.clip(1.05 - 0.55 * along**2 - 0.75 * across**2, 0.02, 1))
    yarn = noise.smooth(column * 3.7 + warp * 11, row * 5.1, 40, rng)
    hair = noise.layered(f.x, f.y, 34, rng, 2)
    wear = noise.layered(f.x, f.y, 3, rng)
    tone = np.clip(0.48 + 0.5 * yarn + 0.2 * wear, 0, 1)
    canvas.paint(blend(varied((0.27, 0.35, 0.47), rng, 0.1), (0.68, 0.69, 0.67), tone))
    canvas.shade((0.30 + 0.78 * bulge) * (1 + 0.18 * hair + 0.07 * wear + 0.06 * (warp - 0.5)))

    f = canvas.frame
    if flaw.kind == "color":
        for spot in flaw.spots(1, 2, (0.7, 0.7)):
            tint = flaw.tint((0.52, 0.16, 0.14), (0.20, 0.40, 0.22), (0.56, 0.44, 0.18))
            stain = blot(f, flaw, spot, flaw.rng.uniform(0.12, 0.22), 0.06)
            canvas.paint(toned(tint, 0.5 + 0.7 * bulge), 0.75 * flaw.strength * stain)
    elif flaw.kind == "cut":
        for spot in flaw.spots(1, 2, (0.65, 0.65)):
            slash = scratch(f, flaw, spot, flaw.rng.uniform(0.35, 0.65), 0.06)
            canvas.paint((0.10, 0.09, 0.09), (0.35 + 0.55 * flaw.strength) * slash)
    elif flaw.kind == "hole":
        for spot in flaw.spots(1, 2, (0.7, 0.7)):
            worn = blot(f, flaw, spot, flaw.rng.uniform(0.07, 0.14))
            canvas.paint((0.13, 0.11, 0.10), (0.35 + 0.5 * flaw.strength) * worn)
    elif flaw.kind == "thread":
        for spot in flaw.spots(1, 2, (0.6, 0.6)):
            thread = fibre(f, flaw, spot, flaw.rng.uniform(0.5, 1.0), 0.055)
            canvas.paint((0.90, 0.88, 0.80), (0.35 + 0.55 * flaw.strength) * thread)


def grid(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a mesh of wires woven diagonally over a dark ground."""
    canvas.paint(varied((0.27, 0.28, 0.29), rng, 0.15))
    canvas.shade(1 + 0.12 * noise.layered(canvas.frame.x, canvas.frame.y, 4, rng))
    f = canvas.part.place(angle=math.pi / 4)
    if flaw.kind == "bent":
        here = canvas.frame
        for spot in flaw.spots(1, 2, (0.6, 0.6)):
            width = flaw.size * flaw.rng.uniform(0.16, 0.24)
            away = circle(here, 0, spot)
            dent, turn = bump(away, width), flaw.rng.uniform(0, math.tau)
            push = flaw.rng.uniform(0.13, 0.22)
            f = f.moved(dent * (push * math.cos(turn)), dent * (push * math.sin(turn)))
            canvas.blame(here.cover(away - 1.1 * width))
    sway = 0.015 * noise.smooth(f.x, f.y, 5, rng)
    pitch = 0.30
    cell, column, row = lattice(f.moved(sway, -sway), (pitch, pitch))
    steel = 1 + 0.10 * noise.layered(f.x, f.y, 12, rng)
    gap: Plane = np.zeros_like(f.x)
    if flaw.kind == "broken":
        for spot in flaw.spots(1, 2, (0.6, 0.6)):
            here = canvas.frame.place(spot)
            knot = int((np.abs(here.x) + np.abs(here.y)).argmin())
            centre = float(column.flat[knot]) * pitch, float(row.flat[knot]) * pitch
            lost = box(f, (0.10, flaw.size * flaw.rng.uniform(0.14, 0.22)), at=centre)
            gap = np.maximum(gap, f.cover(lost))
            canvas.blame(f.cover(lost - 0.01))
    bright = varied((0.84, 0.85, 0.85), rng, 0.08)
    # Each wire passes over at every other crossing: it comes nearer there and is painted later.
    over = odd(column + row) > 0.5
    for on_top in (False, True):
        for across, shine, height, lost in (
            (cell.x, f.light[0], over, gap),
            (cell.y, f.light[1], ~over, np.zeros_like(gap)),
        ):
            there = (height == on_top) * (1 - lost)
            away = np.abs(across)
            sheen = np.clip(1 - ((across - 0.018 * shine) * (1 / 0.06)) ** 2, 0, 1)
            canvas.shade(0.6, f.cover(away - 0.10, 0.04) * there)
            wire = f.cover(away - 0.052) * there
            canvas.paint(blend((0.40, 0.41, 0.42), bright, sheen * steel), wire)

    f = canvas.frame
    if flaw.kind == "glue":
        for spot in flaw.spots(1, 2, (0.65, 0.65)):
            drop = blot(f, flaw, spot, flaw.rng.uniform(0.12, 0.20), 0.05)
            canvas.paint((0.80, 0.76, 0.62), (0.3 + 0.5 * flaw.strength) * drop)
            canvas.blame(drop)
    elif flaw.kind == "metal_contamination":
        for spot in flaw.spots(1, 3, (0.7, 0.7)):
            bit = scratch(f, flaw, spot, flaw.rng.uniform(0.14, 0.3), flaw.rng.uniform(0.06, 0.10))
            canvas.paint((0.66, 0.46, 0.26), (0.35 + 0.65 * flaw.strength) * bit)
            canvas.blame(bit)


def leather(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw brown leather: pebbles of uneven size between fine creases."""
    f = canvas.part
    warp = 0.03 * noise.layered(f.x, f.y, 5, rng)
    _, border, value = noise.voronoi(f.x + warp, f.y - warp, 17, rng)
    pores = noise.layered(f.x, f.y, 30, rng, 2)
    patch = noise.layered(f.x, f.y, 2.5, rng)
    round_off = np.sqrt(np.clip(border, 0, 0.6))
    height = 0.032 * round_off + 0.003 * pores
    f = canvas.frame
    dented: Plane = np.zeros_like(f.x)
    if flaw.kind == "fold":
        ridge = f.place(flaw.spot((0.4, 0.4)), flaw.rng.uniform(0, math.tau))
        bent = ridge.y + 0.12 * np.sin(2 * ridge.x + flaw.rng.uniform(0, 6))
        ends = ridge.cover(np.abs(ridge.x) - flaw.size * flaw.rng.uniform(0.35, 0.55), 0.3)
        crease = bump(bent, math.sqrt(flaw.size) * flaw.rng.uniform(0.05, 0.07)) * ends
        dented = crease * (0.3 + 0.7 * flaw.strength)
        canvas.blame(crease + 0.25)
    elif flaw.kind == "poke":
        for spot in flaw.spots(1, 3, (0.7, 0.7)):
            pit = bump(circle(f, 0, spot), flaw.size * flaw.rng.uniform(0.06, 0.09))
            dented = np.maximum(dented, pit * (0.3 + 0.7 * flaw.strength))
            canvas.blame(pit + 0.3)
    tone = np.clip(0.5 + 0.26 * patch + 0.35 * (value - 0.5), 0, 1)
    dark, pale = varied((0.38, 0.22, 0.13), rng, 0.08), varied((0.58, 0.37, 0.23), rng, 0.08)
    canvas.paint(blend(dark, pale, tone))
    canvas.shade(f.relief(height - 0.08 * dented, 1.1))
    canvas.shade((0.78 + 0.3 * round_off) * (1 - 0.45 * dented))

    if flaw.kind == "color":
        for spot in flaw.spots(1, 2, (0.7, 0.7)):
            tint = flaw.tint((0.16, 0.12, 0.12), (0.60, 0.16, 0.12), (0.80, 0.62, 0.42))
            spread = blot(f, flaw, spot, flaw.rng.uniform(0.10, 0.19), 0.06)
            canvas.paint(tint, 0.6 * flaw.strength * spread)
            canvas.blame(spread)
    elif flaw.kind == "cut":
        for spot in flaw.spots(1, 2, (0.65, 0.65)):
            heading = flaw.rng.uniform(0, math.tau)
            slit = scratch(f, flaw, spot, flaw.rng.uniform(0.35, 0.65), 0.055, heading)
            canvas.paint((0.84, 0.66, 0.48), (0.2 + 0.65 * flaw.strength) * slit)


def tile(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw polished terrazzo: chips of stone in three sizes set in pale cement."""
    f = canvas.part
    canvas.paint(varied((0.70, 0.69, 0.66), rng))
    canvas.shade(1 + 0.05 * noise.layered(f.x, f.y, 20, rng))
    ragged = 0.10 * noise.smooth(f.x, f.y, 26, rng)
    for cells, gap in ((30, 0.22), (18, 0.20), (9, 0.16)):
        _, border, value = noise.voronoi(f.x, f.y, cells, rng)
        shade = wrapped(value * 7.3)
        pale = (value >= 0.25).astype(np.float32)
        dark_end = blend((0.34, 0.35, 0.37), (0.60, 0.46, 0.38), pale)
        pale_end = blend((0.60, 0.57, 0.54), (0.88, 0.86, 0.82), pale)
        stone = f.cover(gap + ragged - border, 0.08) * (value < 0.5)
        canvas.paint(blend(dark_end, pale_end, shade), stone)

    f = canvas.frame
    if flaw.kind == "crack":
        spot = flaw.spot((0.4, 0.4))
        gap_of = crack(f, flaw, spot, flaw.rng.uniform(0.8, 1.4), 0.09)
        canvas.paint((0.24, 0.23, 0.22), (0.5 + 0.5 * flaw.strength) * gap_of)
        canvas.blame(gap_of)
    elif flaw.kind == "glue_strip":
        strip = scratch(f, flaw, flaw.spot((0.5, 0.5)), flaw.rng.uniform(0.5, 0.9), 0.18)
        canvas.paint((0.86, 0.80, 0.64), (0.5 + 0.45 * flaw.strength) * strip)
        canvas.blame(strip)
    elif flaw.kind == "gray_stroke":
        for spot in flaw.spots(1, 2, (0.6, 0.6)):
            width = flaw.rng.uniform(0.14, 0.22)
            stroke = scratch(f, flaw, spot, flaw.rng.uniform(0.3, 0.5), width)
            canvas.paint((0.38, 0.39, 0.41), (0.6 + 0.4 * flaw.strength) * stroke)
            canvas.blame(stroke)
    elif flaw.kind == "rough":
        worn = blot(f, flaw, flaw.spot((0.6, 0.6)), flaw.rng.uniform(0.20, 0.30), 0.1)
        grit = noise.layered(f.x, f.y, 40, flaw.rng, 2)
        canvas.paint((0.62, 0.61, 0.60), (0.6 + 0.35 * flaw.strength) * worn)
        canvas.shade(1 + 0.9 * flaw.strength * grit, worn)
        canvas.blame(worn)


def wood(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a sawn board: rings around a far heart cut into upright grain, with fine pores."""
    f = canvas.part
    sweep = noise.layered(f.x, f.y * 0.25, 3, rng)
    heart = 0.25 * (f.y - rng.uniform(-0.6, 0.6)) ** 2 * rng.uniform(-0.6, 0.6)
    ring = (f.x + heart + 0.18 * sweep) * rng.uniform(3.0, 5.6)
    # A ring darkens slowly over the summer and ends sharply with the winter.
    season = wrapped(ring)
    late = season**2.5 * np.clip((1 - season) * 10, 0, 1)
    streak = noise.layered(f.x, f.y * 0.06, 50, rng, 2)
    broad = noise.layered(f.x, f.y * 0.2, 4, rng)
    depth = rng.uniform(0.55, 0.9)
    tone = np.clip(0.25 + depth * late + 0.28 * streak + 0.24 * broad, 0, 1)
    pale, dark = varied((0.80, 0.60, 0.38), rng, 0.15), varied((0.36, 0.20, 0.10), rng, 0.15)
    canvas.paint(blend(pale, dark, tone))
    pore = np.clip(noise.smooth(f.x, f.y * 0.12, 60, rng) - 0.55, 0, 1)
    canvas.shade(1 - 0.7 * pore)

    f = canvas.frame
    if flaw.kind == "color":
        for spot in flaw.spots(1, 3, (0.7, 0.7)):
            tint = flaw.tint((0.50, 0.12, 0.10), (0.20, 0.22, 0.38), (0.24, 0.30, 0.16))
            mark = blot(f, flaw, spot, flaw.rng.uniform(0.08, 0.16), 0.04)
            canvas.paint(tint, 0.6 * flaw.strength * mark)
    elif flaw.kind == "hole":
        for spot in flaw.spots(1, 4, (0.75, 0.75)):
            radius = flaw.rng.uniform(0.05, 0.09)
            canvas.shade(0.75, 0.8 * bump(np.maximum(circle(f, radius, spot), 0), 0.04))
            canvas.paint((0.12, 0.07, 0.04), blot(f, flaw, spot, radius))
    elif flaw.kind == "liquid":
        for spot in flaw.spots(1, 2, (0.6, 0.6)):
            wet = blot(f, flaw, spot, flaw.rng.uniform(0.14, 0.25))
            canvas.shade(1 - 0.4 * flaw.strength, wet)
            canvas.shade(0.85, 4 * wet * (1 - wet))
    elif flaw.kind == "scratch":
        for spot in flaw.spots(1, 3, (0.6, 0.6)):
            mark = scratch(f, flaw, spot, flaw.rng.uniform(0.35, 0.75), 0.05)
            canvas.paint((0.93, 0.80, 0.62), (0.2 + 0.6 * flaw.strength) * mark)

"""Surfaces that fill the image: carpet, wire grid, leather, tile and wood."""

import math

import numpy as np

from bench.data.miniature import noise
from bench.data.miniature.defects import Flaw, blot, crack, fibre, scratch
from bench.data.miniature.draw import Canvas, Plane, blend, bump, toned
from bench.data.miniature.shapes import box, circle, lattice


def carpet(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a plain weave of heather yarn; a quarter turn only swaps warp and weft."""
    shift = rng.uniform(-1, 1), rng.uniform(-1, 1)
    f = canvas.frame.place(shift, rng.uniform(-0.05, 0.05))
    sway = 0.02 * noise.smooth(f.x, f.y, 4, rng)
    lean = 0.02 * noise.smooth(f.x, f.y, 4, rng)
    cell, column, row = lattice(f.moved(sway, lean), (0.125, 0.125))
    warp = np.mod(column + row, 2)
    along = np.where(warp > 0.5, cell.y, cell.x) / 0.0625
    across = np.where(warp > 0.5, cell.x, cell.y) / 0.0625
    bulge = np.sqrt(np.clip(1.05 - 0.55 * along**2 - 0.75 * across**2, 0.02, 1))
    yarn = noise.smooth(column * 3.7 + warp * 11, row * 5.1, 40, rng)
    hair = noise.layered(f.x, f.y, 34, rng, 2)
    wear = noise.layered(f.x, f.y, 3, rng)
    tone = np.clip(0.5 + 0.35 * yarn + 0.12 * wear, 0, 1)
    canvas.paint(blend((0.34, 0.42, 0.52), (0.62, 0.63, 0.62), tone))
    canvas.shade((0.30 + 0.78 * bulge) * (1 + 0.14 * hair + 0.05 * wear + 0.06 * (warp - 0.5)))

    f = canvas.frame
    if flaw.kind == "color":
        for spot in flaw.spots(1, 2, (0.7, 0.7)):
            tint = flaw.tint((0.52, 0.16, 0.14), (0.20, 0.40, 0.22), (0.56, 0.44, 0.18))
            stain = blot(f, flaw, spot, flaw.rng.uniform(0.12, 0.26), 0.06)
            canvas.paint(toned(tint, 0.5 + 0.7 * bulge), 0.75 * flaw.strength * stain)
    elif flaw.kind == "cut":
        for spot in flaw.spots(1, 2, (0.65, 0.65)):
            slash = scratch(f, flaw, spot, flaw.rng.uniform(0.4, 0.8), 0.045)
            canvas.paint((0.10, 0.09, 0.09), (0.25 + 0.7 * flaw.strength) * slash)
    elif flaw.kind == "hole":
        for spot in flaw.spots(1, 2, (0.7, 0.7)):
            worn = blot(f, flaw, spot, flaw.rng.uniform(0.08, 0.15))
            canvas.paint((0.13, 0.11, 0.10), (0.5 + 0.45 * flaw.strength) * worn)
    elif flaw.kind == "thread":
        for spot in flaw.spots(1, 2, (0.6, 0.6)):
            thread = fibre(f, flaw, spot, flaw.rng.uniform(0.5, 1.1), 0.045)
            canvas.paint((0.90, 0.88, 0.80), (0.3 + 0.65 * flaw.strength) * thread)


def grid(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a mesh of wires woven diagonally over a dark ground."""
    canvas.paint((0.27, 0.28, 0.29))
    canvas.shade(1 + 0.10 * noise.layered(canvas.frame.x, canvas.frame.y, 4, rng))
    f = canvas.frame
    if flaw.kind == "bent":
        dx, dy = np.zeros_like(f.x), np.zeros_like(f.x)
        for spot in flaw.spots(1, 2, (0.6, 0.6)):
            dent = bump(circle(f, 0, spot), flaw.rng.uniform(0.16, 0.28))
            push, turn = flaw.rng.uniform(0.07, 0.12), flaw.rng.uniform(0, math.tau)
            dx, dy = dx + dent * (push * math.cos(turn)), dy + dent * (push * math.sin(turn))
        f = f.moved(dx, dy)
    angle = math.pi / 4 + rng.uniform(-0.04, 0.04)
    f = f.place((rng.uniform(-1, 1), rng.uniform(-1, 1)), angle)
    sway = 0.012 * noise.smooth(f.x, f.y, 5, rng)
    pitch = 0.30
    cell, column, row = lattice(f.moved(sway, -sway), (pitch, pitch))
    steel = 1 + 0.08 * noise.layered(f.x, f.y, 12, rng)
    gap: Plane = np.zeros_like(f.x)
    if flaw.kind == "broken":
        for spot in flaw.spots(1, 2, (0.6, 0.6)):
            here = canvas.frame.place(spot)
            nearest = np.abs(here.x) + np.abs(here.y)
            knot = int(nearest.argmin())
            centre = float(column.flat[knot]) * pitch, float(row.flat[knot]) * pitch
            missing = box(f, (0.10, flaw.rng.uniform(0.12, 0.26)), at=centre)
            gap = np.maximum(gap, f.cover(missing))
    whole = np.zeros_like(gap)
    # Each wire passes over at every other crossing: it comes nearer there and is painted later.
    over = np.mod(column + row, 2) > 0.5
    for on_top in (False, True):
        for across, height, lost in ((cell.x, over, gap), (cell.y, ~over, whole)):
            here = (1 - lost) * (height == on_top)
            wire = f.cover(np.abs(across) - 0.052) * here
            sheen = np.clip(1 - (across / 0.06) ** 2, 0, 1)
            canvas.shade(0.6, f.cover(np.abs(across) - 0.10, 0.04) * here)
            canvas.paint(blend((0.40, 0.41, 0.42), (0.84, 0.85, 0.85), sheen * steel), wire)

    f = canvas.frame
    if flaw.kind == "glue":
        for spot in flaw.spots(1, 2, (0.65, 0.65)):
            drop = blot(f, flaw, spot, flaw.rng.uniform(0.12, 0.24), 0.05)
            canvas.paint((0.80, 0.76, 0.62), (0.25 + 0.45 * flaw.strength) * drop)
    elif flaw.kind == "metal_contamination":
        for spot in flaw.spots(1, 3, (0.7, 0.7)):
            bit = scratch(f, flaw, spot, flaw.rng.uniform(0.12, 0.3), flaw.rng.uniform(0.04, 0.08))
            canvas.paint((0.66, 0.46, 0.26), (0.35 + 0.65 * flaw.strength) * bit)


def leather(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw brown leather: pebbles of uneven size between fine creases."""
    shift = rng.uniform(-1, 1), rng.uniform(-1, 1)
    f = canvas.frame.place(shift, rng.uniform(0, math.tau))
    light = rng.uniform(0, math.tau)
    warp = 0.03 * noise.layered(f.x, f.y, 5, rng)
    _, border, value = noise.voronoi(f.x + warp, f.y - warp, 17, rng)
    pores = noise.layered(f.x, f.y, 30, rng, 2)
    patch = noise.layered(f.x, f.y, 2.5, rng)
    height = 0.030 * np.sqrt(np.clip(border, 0, 0.6)) + 0.003 * pores
    f = canvas.frame
    dented: Plane = np.zeros_like(f.x)
    if flaw.kind == "fold":
        ridge = f.place(flaw.spot((0.4, 0.4)), flaw.rng.uniform(0, math.tau))
        bent = ridge.y + 0.12 * np.sin(2 * ridge.x + flaw.rng.uniform(0, 6))
        ends = ridge.cover(np.abs(ridge.x) - flaw.rng.uniform(0.5, 0.9), 0.3)
        dented = bump(bent, flaw.rng.uniform(0.04, 0.07)) * ends * flaw.strength
    elif flaw.kind == "poke":
        pits = [
            bump(circle(f, 0, spot), flaw.rng.uniform(0.05, 0.09))
            for spot in flaw.spots(1, 3, (0.7, 0.7))
        ]
        dented = np.maximum.reduce(pits) * (0.4 + 0.6 * flaw.strength)
    tone = np.clip(0.5 + 0.22 * patch + 0.35 * (value - 0.5), 0, 1)
    canvas.paint(blend((0.38, 0.22, 0.13), (0.58, 0.37, 0.23), tone))
    canvas.shade(f.relief(height - 0.06 * dented, light, 1.1))
    canvas.shade((0.78 + 0.3 * np.sqrt(np.clip(border, 0, 0.6))) * (1 - 0.55 * dented))

    if flaw.kind == "color":
        for spot in flaw.spots(1, 2, (0.7, 0.7)):
            tint = flaw.tint((0.16, 0.12, 0.12), (0.60, 0.16, 0.12), (0.80, 0.62, 0.42))
            spread = blot(f, flaw, spot, flaw.rng.uniform(0.10, 0.22), 0.06)
            canvas.paint(tint, 0.6 * flaw.strength * spread)
    elif flaw.kind == "cut":
        for spot in flaw.spots(1, 2, (0.65, 0.65)):
            heading = flaw.rng.uniform(0, math.tau)
            slit = scratch(f, flaw, spot, flaw.rng.uniform(0.35, 0.7), 0.045, heading)
            canvas.paint((0.84, 0.66, 0.48), flaw.strength * slit)


def tile(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw polished terrazzo: chips of stone in three sizes set in pale cement."""
    shift = rng.uniform(-1, 1), rng.uniform(-1, 1)
    f = canvas.frame.place(shift, rng.uniform(0, math.tau))
    canvas.paint((0.70, 0.69, 0.66))
    canvas.shade(1 + 0.05 * noise.layered(f.x, f.y, 20, rng))
    ragged = 0.10 * noise.smooth(f.x, f.y, 26, rng)
    for cells, gap in ((30, 0.22), (18, 0.20), (9, 0.16)):
        _, border, value = noise.voronoi(f.x, f.y, cells, rng)
        shade = np.mod(value * 7.3, 1)
        stone = blend((0.26, 0.28, 0.30), (0.60, 0.57, 0.54), shade)
        warm = blend((0.58, 0.42, 0.34), (0.88, 0.86, 0.82), shade)
        color = np.where((value < 0.25)[..., None], stone, warm)
        canvas.paint(color, f.cover(gap + ragged - border, 0.08) * (value < 0.5))

    f = canvas.frame
    if flaw.kind == "crack":
        spot = flaw.spot((0.4, 0.4))
        gap_of = crack(f, flaw, spot, flaw.rng.uniform(0.9, 1.6), 0.045)
        canvas.paint((0.12, 0.12, 0.12), (0.3 + 0.65 * flaw.strength) * gap_of)
    elif flaw.kind == "glue_strip":
        strip = scratch(f, flaw, flaw.spot((0.5, 0.5)), flaw.rng.uniform(0.6, 1.1), 0.16)
        canvas.paint((0.90, 0.84, 0.64), (0.4 + 0.45 * flaw.strength) * strip)
    elif flaw.kind == "gray_stroke":
        for spot in flaw.spots(1, 2, (0.6, 0.6)):
            stroke = scratch(
                f, flaw, spot, flaw.rng.uniform(0.3, 0.6), flaw.rng.uniform(0.08, 0.16)
            )
            canvas.paint((0.36, 0.37, 0.39), (0.45 + 0.5 * flaw.strength) * stroke)
    elif flaw.kind == "rough":
        worn = blot(f, flaw, flaw.spot((0.6, 0.6)), flaw.rng.uniform(0.2, 0.34), 0.1)
        grit = noise.layered(f.x, f.y, 40, flaw.rng, 2)
        canvas.paint((0.62, 0.61, 0.60), (0.5 + 0.4 * flaw.strength) * worn)
        canvas.shade(1 + 0.45 * flaw.strength * grit, worn)


def wood(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a sawn board: rings around a far heart cut into upright grain, with fine pores."""
    f = canvas.frame.place((rng.uniform(-1, 1), rng.uniform(-1, 1)), rng.uniform(-0.03, 0.03))
    sweep = noise.layered(f.x, f.y * 0.25, 3, rng)
    heart = 0.25 * (f.y - rng.uniform(-0.6, 0.6)) ** 2 * rng.uniform(-0.5, 0.5)
    ring = (f.x + heart + 0.12 * sweep) * rng.uniform(4.2, 5.2)
    # A ring darkens slowly over the summer and ends sharply with the winter.
    season = np.mod(ring, 1)
    late = season**2.5 * np.clip((1 - season) / 0.10, 0, 1)
    streak = noise.layered(f.x, f.y * 0.06, 50, rng, 2)
    broad = noise.layered(f.x, f.y * 0.2, 4, rng)
    tone = np.clip(0.28 + 0.6 * late + 0.16 * streak + 0.10 * broad, 0, 1)
    canvas.paint(blend((0.80, 0.60, 0.38), (0.47, 0.28, 0.14), tone))
    pore = np.clip(noise.smooth(f.x * 1.0, f.y * 0.12, 60, rng) - 0.55, 0, 1)
    canvas.shade(1 - 0.7 * pore)

    f = canvas.frame
    if flaw.kind == "color":
        for spot in flaw.spots(1, 3, (0.7, 0.7)):
            tint = flaw.tint((0.50, 0.12, 0.10), (0.20, 0.22, 0.38), (0.24, 0.30, 0.16))
            mark = blot(f, flaw, spot, flaw.rng.uniform(0.07, 0.16), 0.04)
            canvas.paint(tint, 0.75 * flaw.strength * mark)
    elif flaw.kind == "hole":
        for spot in flaw.spots(1, 4, (0.75, 0.75)):
            radius = flaw.rng.uniform(0.05, 0.10)
            canvas.shade(0.75, 0.8 * bump(np.maximum(circle(f, radius, spot), 0), 0.04))
            canvas.paint((0.12, 0.07, 0.04), blot(f, flaw, spot, radius))
    elif flaw.kind == "liquid":
        for spot in flaw.spots(1, 2, (0.6, 0.6)):
            wet = blot(f, flaw, spot, flaw.rng.uniform(0.15, 0.30))
            canvas.shade(1 - 0.35 * flaw.strength, wet)
            canvas.shade(0.85, 4 * wet * (1 - wet))
    elif flaw.kind == "scratch":
        for spot in flaw.spots(1, 3, (0.6, 0.6)):
            mark = scratch(f, flaw, spot, flaw.rng.uniform(0.4, 0.9), 0.035)
            canvas.paint((0.93, 0.80, 0.62), flaw.strength * mark)

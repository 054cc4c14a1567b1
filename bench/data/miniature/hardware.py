"""Hardware: a cable's cross-section, a toothed nut, a screw and a transistor on its board."""

import math

import numpy as np

from bench.data.miniature import noise
from bench.data.miniature.camera import Point
from bench.data.miniature.defects import Flaw, blot, chip, scratch
from bench.data.miniature.draw import (
    Canvas,
    Frame,
    Plane,
    Rgb,
    blend,
    bump,
    hypot,
    odd,
    toned,
    varied,
    wrapped,
)
from bench.data.miniature.shapes import box, circle, lattice, lettering, line, ngon

_WIRES = ((0.24, 0.50, 0.20), (0.16, 0.34, 0.66), (0.48, 0.28, 0.16))
_COPPER = (0.86, 0.55, 0.32)
_STEEL = (0.62, 0.63, 0.65)


def cable(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a cable's cross-section: three insulated wires of copper strands in a sheath."""
    f = canvas.part
    canvas.paint(varied((0.63, 0.62, 0.60), rng))
    canvas.shade(1 + 0.06 * noise.layered(canvas.frame.x, canvas.frame.y, 8, rng))
    radius = hypot(f.x, f.y) + 0.014 * noise.smooth(f.x, f.y, 5, rng)
    canvas.shade(1 - 0.5 * bump(np.maximum(radius - 0.90, 0), 0.06))
    canvas.paint(varied((0.30, 0.31, 0.33), rng, 0.12), f.cover(radius - 0.90))
    canvas.shade(1.25, bump(radius - 0.87, 0.02))
    fluff = noise.layered(f.x, f.y, 16, rng)
    filler = f.cover(radius - rng.uniform(0.77, 0.80))
    canvas.paint(varied((0.72, 0.70, 0.66), rng), filler)
    canvas.shade(0.88 + 0.32 * fluff, filler)

    colors = [varied(color, rng, 0.12) for color in _WIRES]
    hit = int(flaw.rng.integers(3))
    if flaw.kind == "cable_swap":
        colors[hit] = colors[(hit + int(flaw.rng.integers(1, 3))) % 3]
    for number, color in enumerate(colors):
        turn = number * math.tau / 3 - math.tau / 4 + rng.uniform(-0.16, 0.16)
        away = rng.uniform(0.38, 0.46)
        wire = f.place((away * math.cos(turn), away * math.sin(turn)), rng.uniform(0, math.tau))
        if number == hit and flaw.kind == "cable_swap":
            canvas.blame(wire.cover(circle(wire, 0.36)))
        _wire(canvas, wire, color, rng, flaw if number == hit else None)


def _wire(
    canvas: Canvas, wire: Frame, color: Rgb, rng: np.random.Generator, flaw: Flaw | None
) -> None:
    """Draw one wire around the frame's origin, with the cable's flaw if it is the one hit."""
    kind = flaw.kind if flaw else None
    near, f = canvas.near(wire, 0.45)
    thick = rng.uniform(0.335, 0.365)
    edge = circle(f, thick)
    near.shade(1 - 0.45 * bump(np.maximum(edge, 0), 0.03))
    insulation = f.cover(edge)
    near.paint(color, insulation)
    gloss = rng.uniform(0.1, 0.5) * bump(edge + rng.uniform(0.03, 0.08), 0.03)
    near.shade(1 + gloss + 0.6 * f.lit(), insulation)
    bore = rng.uniform(0.215, 0.245)
    f = f.place((rng.uniform(-0.04, 0.04), rng.uniform(-0.04, 0.04)))
    core = f.cover(circle(f, bore))
    near.paint((0.14, 0.08, 0.05), core)
    cell, column, row = lattice(f, (0.094, 0.0815), 0.5)
    inside = hypot((column + 0.5 * odd(row)) * 0.094, row * 0.0815) < bore - 0.035
    stray = [0.02 * noise.smooth(column * 6.1, row * 8.3, 40, rng) for _ in range(2)]
    cell = cell.moved(*stray)
    metal = 0.8 + 0.5 * noise.smooth(column * 5.3, row * 7.7, 40, rng) + 5 * cell.lit()
    if kind != "missing_wire":
        near.paint(toned(_COPPER, metal), f.cover(circle(cell, 0.045)) * inside)
    elif flaw:
        canvas.blame(wire.cover(circle(wire, bore)))
    if flaw and kind == "cut_inner_insulation":
        place = flaw.rng.uniform(0, math.tau)
        notch = chip(f, flaw, (0.30 * math.cos(place), 0.30 * math.sin(place)), 0.12)
        bare = notch * insulation * (1 - core)
        near.paint((0.90, 0.87, 0.80), (0.4 + 0.5 * flaw.strength) * bare)
    elif flaw and kind == "bent_wire":
        heading = flaw.rng.uniform(0, math.tau)
        reach = flaw.size**0.5 * flaw.rng.uniform(0.22, 0.36)
        start = (0.1 * math.cos(heading), 0.1 * math.sin(heading))
        bend = heading + flaw.rng.uniform(-0.7, 0.7)
        tip = start[0] + reach * math.cos(bend), start[1] + reach * math.sin(bend)
        away = line(wire, [start, tip])
        canvas.shade(0.5, 0.7 * wire.cover(away - 0.07, 0.05))
        bright = np.clip(1.15 - away * 10, 0, 1.2)
        canvas.paint(toned(_COPPER, bright), wire.cover(away - 0.05))
        canvas.blame(wire.cover(away - 0.07))


def metal_nut(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a steel nut: a flange with slanted teeth around a hexagon and a threaded hole."""
    f = canvas.part
    canvas.paint(varied((0.13, 0.14, 0.15), rng, 0.15))
    canvas.shade(1 + 0.10 * noise.layered(canvas.frame.x, canvas.frame.y, 6, rng))
    flipped = flaw.kind == "flip"
    if flipped:
        f = f.mirrored()
    r, angle = f.polar()
    lamp = math.atan2(f.light[1], f.light[0])

    # The teeth lean: a slow rise and a steep fall, which tells the two faces apart.
    phase = wrapped((angle + 0.9 * (r - 0.7)) * (8 / math.tau))
    rise = np.clip(phase * (1 / 0.6), 0, 1) - np.clip((phase - 0.78) * 10, 0, 1)
    outline = 0.70 + rng.uniform(0.155, 0.18) * np.clip(rise, 0, 1)
    if flaw.kind == "bent":
        which = flaw.rng.integers(-4, 4) * (math.tau / 8) + 0.5
        turn = np.abs(wrapped((angle - which) * (1 / math.tau) + 0.5) - 0.5) * math.tau
        push = flaw.rng.choice((-0.20, -0.14, 0.11))
        outline = outline + push * np.clip(1.6 - turn / (0.25 * flaw.size**0.5), 0, 1)
    edge = r - outline
    flange = f.cover(edge)
    brushed = noise.smooth(r * 3, np.abs(angle) * 0.15, 28, rng)
    cloud = noise.layered(f.x, f.y, 3, rng)
    grain = 0.08 * brushed + 0.10 * cloud
    sheen = 1 + 0.22 * np.cos(2 * (angle - lamp) + rng.uniform(-0.3, 0.3)) + grain
    canvas.paint(varied(_STEEL, rng, 0.08), flange)
    canvas.shade(sheen * (1 - 0.35 * bump(edge, 0.03)), flange)

    side, wide = rng.uniform(0, math.tau / 6), rng.uniform(0.455, 0.485)
    collar = circle(f, wide) if flipped else ngon(f.place(angle=side), 6, wide)
    fallen = f.shadow(0.04)
    canvas.shade(0.55, flange * f.cover(circle(fallen, wide + 0.03), 0.08))
    hexagon = f.cover(collar)
    # The face below has a sunk ring where the upper one has its hexagon.
    bright, sunk = varied((0.74, 0.75, 0.76), rng), varied((0.54, 0.55, 0.57), rng)
    canvas.paint(sunk if flipped else bright, hexagon)
    facet = np.cos((np.floor((angle - side) * (6 / math.tau)) + 0.5) * (math.tau / 6) + side - lamp)
    flat = rng.uniform(0.37, 0.41)
    chamfer = f.cover(flat - r, 0.03)
    canvas.shade(1 + 0.5 * (sheen - 1) + 0.18 * facet * chamfer, hexagon)
    canvas.shade(1.2, 0.8 * hexagon * bump(r - flat, 0.016))
    canvas.paint((0.30, 0.31, 0.33), f.cover(r - 0.30))
    for thread in (0.285, 0.245):
        lit = 0.6 + 0.4 * np.cos(angle - lamp + math.pi)
        canvas.paint((0.60, 0.61, 0.62), bump(r - thread, 0.012) * lit)
    canvas.paint((0.07, 0.07, 0.08), f.cover(r - 0.22))

    bare = flange * f.cover(0.30 - r)
    if flipped:
        canvas.blame(flange)
    elif flaw.kind == "color":
        tint = flaw.tint((0.42, 0.20, 0.12), (0.24, 0.30, 0.52), (0.50, 0.40, 0.20))
        for spot in flaw.spots(1, 2, (0.6, 0.6)):
            spread = blot(f, flaw, spot, flaw.rng.uniform(0.11, 0.19), 0.08)
            canvas.paint(tint, 0.85 * flaw.strength * spread * bare)
    elif flaw.kind == "scratch":
        for spot in flaw.spots(1, 3, (0.55, 0.55)):
            mark = scratch(f, flaw, spot, flaw.rng.uniform(0.3, 0.55), 0.045)
            canvas.paint((0.99, 0.99, 0.97), (0.4 + 0.6 * flaw.strength) * mark * bare)


def screw(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a countersunk screw lying at any angle: head, neck, thread and point."""
    f = canvas.part
    canvas.paint(varied((0.62, 0.63, 0.64), rng, 0.08))
    canvas.shade(1 + 0.04 * noise.layered(canvas.frame.x, canvas.frame.y, 10, rng))
    turn = rng.uniform(0, 1)
    grain = noise.layered(f.x * 0.4, f.y * 2, 10, rng)

    g = f
    front = np.clip((f.x - 0.50) * (1 / 0.36), 0, 1)
    blunt = 0.86
    if flaw.kind == "manipulated_front":
        if flaw.rng.random() < 0.5:
            blunt = flaw.rng.uniform(0.55, 0.70)
        else:
            g = f.moved(0.0, float(flaw.rng.choice((-0.24, 0.2, 0.24))) * front**2)
    # The left end is the head; from 0.5 on the thread narrows to the point at 0.86.
    head = np.minimum(0.34 - (g.x + 0.80) * 0.6, 0.34 + (g.x + 0.80) * 0.67)
    winding = wrapped(g.x * 8 + turn - 0.25 * np.sign(g.y))
    crest = 1 - 2 * np.abs(winding - 0.5)
    threaded = g.cover(-0.16 - g.x, 0.06)
    core = np.where(g.x < -0.5, np.maximum(head, 0.16), 0.135)
    if flaw.kind == "thread_side":
        middle, side = flaw.rng.uniform(0.0, 0.45), flaw.rng.choice((-1, 1))
        worn = bump(f.x - middle, flaw.size**0.5 * flaw.rng.uniform(0.13, 0.20))
        canvas.blame((worn > 0.3) & (f.y * side > 0.03) & (f.y * side < 0.24))
        worn = worn * (f.y * side > 0)
        threaded = threaded * (1 - worn)
        core = core - 0.07 * worn
    half = (core + 0.085 * crest * threaded) * (1 - 0.95 * front)
    edge = np.maximum(np.abs(g.y) - half, np.maximum(-0.86 - g.x, g.x - blunt))
    body = f.cover(edge * 0.8)
    fallen = g.shadow(0.07)
    thick = np.where(fallen.x < -0.5, 0.22, 0.15) * np.clip((0.9 - fallen.x) * 3, 0, 1)
    cast = np.maximum(np.abs(fallen.y) - thick, np.abs(fallen.x + 0.06) - 0.80)
    canvas.shade(1 - 0.5 * bump(np.maximum(cast, 0), 0.07))
    slant = wrapped(g.x * 8 + turn + 0.25 - 2.4 * g.y)
    groove = np.cos(math.tau * slant) * threaded
    metal = blend((0.40, 0.38, 0.34), (0.80, 0.78, 0.72), np.clip(0.5 + 0.5 * groove, 0, 1))
    canvas.paint(blend(varied((0.66, 0.64, 0.60), rng), metal, threaded), body)

    if flaw.kind in ("scratch_head", "scratch_neck"):
        where = (-0.68, 0.0) if flaw.kind == "scratch_head" else (-0.33, 0.0)
        for spot in flaw.spots(1, 3, (0.10, 0.12), where):
            mark = scratch(f, flaw, spot, flaw.rng.uniform(0.22, 0.34), 0.07)
            color = flaw.tint((0.16, 0.14, 0.12), (0.50, 0.26, 0.14))
            canvas.paint(color, (0.3 + 0.7 * flaw.strength) * mark * body)

    across = g.y / np.maximum(half, 0.04)
    barrel = np.sqrt(np.clip(1 - across**2, 0, 1))
    canvas.shade(0.42 + 0.72 * barrel + 0.06 * grain + 0.14 * f.light[1] * across, body)
    shine = bump(across - 0.4 * f.light[1], 0.2)
    canvas.paint((1.0, 1.0, 0.98), (0.2 + 0.3 * abs(f.light[1])) * body * shine)
    canvas.shade(0.75, body * bump(g.x + 0.80, 0.012))


def transistor(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a transistor: a black case whose three legs go into a perforated board."""
    board = canvas.part
    canvas.paint(varied((0.72, 0.58, 0.38), rng, 0.08))
    fibres = noise.layered(board.x, board.y * 0.25, 16, rng)
    canvas.shade(1 + 0.14 * fibres + 0.10 * noise.layered(board.x, board.y, 4, rng))
    at = rng.uniform(-0.10, 0.10), rng.uniform(-0.10, 0.06)
    hole, _, _ = lattice(board.place((at[0], at[1] + 0.62)), (0.31, 0.31))
    hole_edge = circle(hole, 0.058)
    canvas.paint((0.80, 0.62, 0.42), 0.7 * board.cover(hole_edge - 0.027))
    canvas.paint((0.20, 0.14, 0.09), board.cover(hole_edge))

    # The legs end in holes, wherever the case is.
    away = rng.uniform(-0.05, 0.05), rng.uniform(-0.05, 0.05)
    meant = f = board.place((at[0] + away[0], at[1] + away[1]), rng.uniform(-0.08, 0.08))
    gloss = noise.layered(f.x, f.y, 7, rng)
    spread, bow = rng.uniform(0.45, 0.65), rng.uniform(0.26, 0.36)
    legs = [
        [
            (spread * x, -0.1),
            (spread * x, 0.08),
            (x - away[0] + rng.uniform(-0.03, 0.03), bow),
            (x - away[0], 0.62 - away[1]),
        ]
        for x in (-0.31, 0.0, 0.31)
    ]
    if flaw.kind == "misplaced":
        lean = float(flaw.rng.choice((-1, 1))) * flaw.rng.uniform(0.25, 0.6)
        f = f.place((flaw.rng.uniform(-0.3, 0.3), flaw.rng.uniform(-0.1, 0.2)), lean)
        for there in (meant, f):
            outline = np.minimum(_case(there), _legs(there, legs))
            canvas.blame(there.cover(outline - 0.07))
    struck = int(flaw.rng.integers(3))
    x, _ = legs[struck][-1]
    if flaw.kind == "bent_lead":
        aside = float(flaw.rng.choice((-1, 1))) * flaw.rng.uniform(0.14, 0.24)
        legs[struck][2:] = [(x + aside, 0.32), (x + 0.6 * aside, 0.5), (x + 1.5 * aside, 0.72)]
    elif flaw.kind == "cut_lead":
        legs[struck][2:] = [((spread + 0.2) * x, flaw.rng.uniform(0.16, 0.26))]
    canvas.shade(0.55, f.cover(_legs(f.shadow(0.07), legs) - 0.04, 0.05))
    wires = _legs(f, legs)
    tin = np.clip(0.95 - (wires * (1 / 0.045)) ** 2 * 0.5, 0, 1)
    canvas.paint(toned((0.84, 0.85, 0.86), tin), f.cover(wires - 0.043))

    edge = _case(f)
    canvas.shade(0.45, 0.8 * f.cover(_case(f.shadow(0.05)) - 0.05, 0.10))
    case = f.cover(edge)
    canvas.paint(varied((0.13, 0.13, 0.14), rng, 0.2), case)
    canvas.shade(1 + 0.18 * gloss + 0.3 * f.lit(), case)
    canvas.paint((0.34, 0.34, 0.36), 0.8 * case * bump(edge + 0.045, 0.02))
    canvas.paint((0.24, 0.24, 0.26), case * f.cover(f.y + rng.uniform(0.62, 0.70), 0.04))
    label = f.place((rng.uniform(-0.04, 0.04), -0.40 + rng.uniform(-0.04, 0.04)))
    print_ink = rng.uniform(0.5, 0.9) * f.cover(lettering(label, "HK5", 0.17) - 0.016)
    canvas.paint((0.66, 0.66, 0.64), print_ink)
    canvas.paint((0.60, 0.60, 0.58), 0.6 * f.cover(box(label, (0.20, 0.013), at=(0, 0.17))))
    if flaw.kind == "damaged_case":
        side = float(flaw.rng.choice((-1, 1)))
        corner = side * flaw.rng.uniform(0.22, 0.42), float(flaw.rng.choice((-0.70, -0.38, -0.06)))
        broken = chip(f, flaw, corner, flaw.rng.uniform(0.12, 0.18)) * case
        rough = noise.layered(f.x, f.y, 20, flaw.rng)
        canvas.paint((0.50, 0.49, 0.47), (0.3 + 0.7 * flaw.strength) * broken)
        canvas.shade(1 + 0.35 * rough, broken)
        canvas.blame(broken)


def _case(f: Frame) -> Plane:
    """Return the distance to a transistor's case, whose top is round."""
    return np.maximum(box(f, (0.44, 0.40), 0.06, (0, -0.38)), circle(f, 0.58, (0, -0.30)))


def _legs(f: Frame, legs: list[list[Point]]) -> Plane:
    """Return the distance to a transistor's legs."""
    nearest: Plane = np.minimum.reduce([line(f, path, 0.15) for path in legs])
    return nearest

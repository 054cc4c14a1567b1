"""Hardware: a cable's cross-section, a toothed nut, a screw and a transistor on its board."""

import math

import numpy as np

from bench.data.miniature import noise
from bench.data.miniature.defects import Flaw, blot, chip, scratch
from bench.data.miniature.draw import Canvas, Frame, blend, bump, toned
from bench.data.miniature.shapes import box, circle, lattice, lettering, line, ngon

_WIRES = ((0.24, 0.50, 0.20), (0.16, 0.34, 0.66), (0.48, 0.28, 0.16))
_COPPER = (0.86, 0.55, 0.32)
_STEEL = (0.62, 0.63, 0.65)


def cable(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a cable's cross-section: three insulated wires of copper strands in a sheath."""
    at = rng.uniform(-0.03, 0.03), rng.uniform(-0.03, 0.03)
    f = canvas.frame.place(at, rng.uniform(-0.10, 0.10), rng.uniform(0.97, 1.02))
    canvas.paint((0.63, 0.62, 0.60))
    canvas.shade(1 + 0.05 * noise.layered(canvas.frame.x, canvas.frame.y, 8, rng))
    radius, _ = f.polar()
    radius = radius + 0.008 * noise.smooth(f.x, f.y, 5, rng)
    canvas.shade(1 - 0.5 * bump(np.maximum(radius - 0.90, 0), 0.06))
    canvas.paint((0.30, 0.31, 0.33), f.cover(radius - 0.90))
    canvas.shade(1.25, bump(radius - 0.87, 0.02))
    fluff = noise.layered(f.x, f.y, 14, rng)
    filler = f.cover(radius - 0.79)
    canvas.paint((0.72, 0.70, 0.66), filler)
    canvas.shade(0.9 + 0.10 * fluff, filler)

    colors = list(_WIRES)
    hit = int(flaw.rng.integers(3))
    if flaw.kind == "cable_swap":
        colors[hit] = _WIRES[(hit + int(flaw.rng.integers(1, 3))) % 3]
    for number, color in enumerate(colors):
        turn = number * math.tau / 3 - math.tau / 4 + rng.uniform(-0.06, 0.06)
        away = rng.uniform(0.415, 0.44)
        wire = f.place((away * math.cos(turn), away * math.sin(turn)), rng.uniform(0, math.tau))
        edge = circle(wire, 0.355)
        canvas.shade(1 - 0.45 * bump(np.maximum(edge, 0), 0.03))
        insulation = f.cover(edge)
        canvas.paint(color, insulation)
        canvas.shade(1 + 0.25 * bump(edge + 0.05, 0.04) + 0.05 * fluff, insulation)
        core = f.cover(circle(wire, 0.235))
        canvas.paint((0.14, 0.08, 0.05), core)
        strand, column, row = lattice(wire, (0.094, 0.0815), 0.5)
        inside = np.hypot((column + 0.5 * np.mod(row, 2)) * 0.094, row * 0.0815) < 0.2
        shine = 0.85 + 0.3 * noise.smooth(column * 5.3, row * 7.7, 40, rng)
        if flaw.kind == "missing_wire" and number == hit:
            continue
        metal = toned(_COPPER, shine - 3.2 * (strand.x + strand.y))
        canvas.paint(metal, f.cover(circle(strand, 0.045)) * inside)
        if number != hit:
            continue
        if flaw.kind == "cut_inner_insulation":
            place = flaw.rng.uniform(0, math.tau)
            notch = chip(wire, flaw, (0.30 * math.cos(place), 0.30 * math.sin(place)), 0.13)
            canvas.paint((0.80, 0.77, 0.71), notch * insulation * (1 - core))
        elif flaw.kind == "bent_wire":
            heading = flaw.rng.uniform(0, math.tau)
            reach = flaw.rng.uniform(0.25, 0.42)
            start = (0.1 * math.cos(heading), 0.1 * math.sin(heading))
            bend = heading + flaw.rng.uniform(-0.7, 0.7)
            tip = start[0] + reach * math.cos(bend), start[1] + reach * math.sin(bend)
            away_from = line(wire, [start, tip])
            canvas.shade(0.5, 0.7 * wire.cover(away_from - 0.06, 0.05))
            bright = np.clip(1.15 - away_from / 0.1, 0, 1.2)
            canvas.paint(toned(_COPPER, bright), wire.cover(away_from - 0.04))


def metal_nut(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a steel nut: a flange with slanted teeth around a hexagon and a threaded hole."""
    at = rng.uniform(-0.04, 0.04), rng.uniform(-0.04, 0.04)
    f = canvas.frame.place(at, rng.uniform(-0.12, 0.12), rng.uniform(0.96, 1.03))
    canvas.paint((0.13, 0.14, 0.15))
    canvas.shade(1 + 0.08 * noise.layered(canvas.frame.x, canvas.frame.y, 6, rng))
    flipped = flaw.kind == "flip"
    if flipped:
        f = Frame(-f.x, f.y, f.px)
    r, angle = f.polar()

    # The teeth lean: a slow rise and a steep fall, which tells the two faces apart.
    phase = np.mod(angle + 0.9 * (r - 0.7), math.tau / 8) / (math.tau / 8)
    rise = np.clip(phase / 0.6, 0, 1) - np.clip((phase - 0.78) / 0.10, 0, 1)
    outline = 0.70 + 0.17 * np.clip(rise, 0, 1)
    if flaw.kind == "bent":
        which = flaw.rng.integers(-4, 4) * (math.tau / 8) + 0.5
        turn = np.abs(np.mod(angle - which + math.pi, math.tau) - math.pi)
        push = flaw.rng.choice([-0.18, -0.13, 0.10])
        outline = outline + push * np.clip(1.6 - turn / 0.25, 0, 1)
    edge = r - outline
    flange = f.cover(edge)
    brushed = noise.smooth(r * 3, np.abs(angle) * 0.15, 28, rng)
    cloud = noise.layered(f.x, f.y, 3, rng)
    sheen = 1 + 0.20 * np.cos(2 * angle + rng.uniform(-0.4, 0.4)) + 0.08 * brushed + 0.08 * cloud
    canvas.paint(_STEEL, flange)
    canvas.shade(sheen * (1 - 0.35 * bump(edge, 0.03)), flange)

    side = rng.uniform(-0.1, 0.1)
    collar = circle(f, 0.47) if flipped else ngon(f.place(angle=side), 6, 0.47)
    canvas.shade(0.55, f.cover(collar - 0.03, 0.05))
    hexagon = f.cover(collar)
    canvas.paint((0.74, 0.75, 0.76), hexagon)
    facet = np.cos(np.floor((angle - side) / (math.tau / 6)) * 2.1 + 0.8)
    chamfer = f.cover(0.40 - r, 0.03)
    canvas.shade(1 + 0.5 * (sheen - 1) + 0.14 * facet * chamfer, hexagon)
    canvas.shade(1.2, 0.8 * hexagon * bump(r - 0.40, 0.016))
    canvas.paint((0.30, 0.31, 0.33), f.cover(r - 0.30))
    for thread in (0.285, 0.245):
        canvas.paint((0.60, 0.61, 0.62), bump(r - thread, 0.012) * (0.6 + 0.4 * np.cos(angle + 2)))
    canvas.paint((0.07, 0.07, 0.08), f.cover(r - 0.22))

    bare = flange * (1 - f.cover(r - 0.30))
    if flaw.kind == "color":
        tint = flaw.tint((0.42, 0.20, 0.12), (0.24, 0.30, 0.52), (0.50, 0.40, 0.20))
        for spot in flaw.spots(1, 2, (0.6, 0.6)):
            spread = blot(f, flaw, spot, flaw.rng.uniform(0.10, 0.20), 0.08)
            canvas.paint(tint, 0.85 * flaw.strength * spread * bare)
    elif flaw.kind == "scratch":
        for spot in flaw.spots(1, 3, (0.55, 0.55)):
            line_of = scratch(f, flaw, spot, flaw.rng.uniform(0.3, 0.6), 0.035)
            canvas.paint((0.99, 0.99, 0.97), (0.4 + 0.6 * flaw.strength) * line_of * bare)


def screw(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a countersunk screw lying at any angle: head, neck, thread and point."""
    at = rng.uniform(-0.05, 0.05), rng.uniform(-0.05, 0.05)
    f = canvas.frame.place(at, rng.uniform(0, math.tau), rng.uniform(0.95, 1.02))
    canvas.paint((0.62, 0.63, 0.64))
    canvas.shade(1 + 0.03 * noise.layered(canvas.frame.x, canvas.frame.y, 10, rng))
    turn = rng.uniform(0, 1)
    grain = noise.layered(f.x * 0.4, f.y * 2, 10, rng)

    g = f
    front = np.clip((f.x - 0.50) / 0.36, 0, 1)
    blunt = 0.86
    if flaw.kind == "manipulated_front":
        if flaw.rng.random() < 0.5:
            blunt = flaw.rng.uniform(0.60, 0.74)
        else:
            g = f.moved(front * 0, flaw.rng.choice([-0.2, 0.16, 0.2]) * front**2)
    # The left end is the head; from 0.5 on the thread narrows to the point at 0.86.
    head = np.interp(g.x, [-0.86, -0.80, -0.50], [0.30, 0.34, 0.16]).astype(np.float32)
    winding = np.mod(g.x / 0.125 + turn - 0.25 * np.sign(g.y), 1)
    crest = 1 - 2 * np.abs(winding - 0.5)
    threaded = g.cover(-0.16 - g.x, 0.06)
    core = np.where(g.x < -0.5, head, 0.135)
    if flaw.kind == "thread_side":
        middle, side = flaw.rng.uniform(0.0, 0.5), flaw.rng.choice([-1.0, 1.0])
        worn = bump(f.x - middle, flaw.rng.uniform(0.06, 0.12)) * (f.y * side > 0)
        threaded = threaded * (1 - worn)
        core = core - 0.05 * worn
    half = (core + 0.085 * crest * threaded) * (1 - 0.95 * front)
    edge = np.maximum(np.abs(g.y) - half, np.maximum(-0.86 - g.x, g.x - blunt))
    body = f.cover(edge * 0.8)
    canvas.shade(1 - 0.5 * bump(np.maximum(edge, 0), 0.06))
    slant = np.mod(g.x / 0.125 + turn + 0.25 - 1.2 * g.y / 0.5, 1)
    groove = np.cos(math.tau * slant) * threaded
    metal = blend((0.40, 0.38, 0.34), (0.80, 0.78, 0.72), np.clip(0.5 + 0.5 * groove, 0, 1))
    canvas.paint(blend((0.66, 0.64, 0.60), metal, threaded), body)

    if flaw.kind in ("scratch_head", "scratch_neck"):
        where = (-0.68, 0.0) if flaw.kind == "scratch_head" else (-0.33, 0.0)
        for spot in flaw.spots(1, 3, (0.10, 0.12), where):
            mark = scratch(f, flaw, spot, flaw.rng.uniform(0.18, 0.30), 0.035)
            dark = flaw.rng.random() < 0.5
            color = (0.16, 0.14, 0.12) if dark else (0.99, 0.98, 0.96)
            canvas.paint(color, flaw.strength * mark * body)

    barrel = np.sqrt(np.clip(1 - (g.y / np.maximum(half, 0.04)) ** 2, 0, 1))
    canvas.shade(0.38 + 0.78 * barrel + 0.05 * grain, body)
    canvas.paint((1.0, 1.0, 0.98), 0.45 * body * bump(g.y / np.maximum(half, 0.04) + 0.3, 0.2))
    canvas.shade(0.75, body * bump(g.x + 0.80, 0.012))


def transistor(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a transistor: a black case whose three legs go into a perforated board."""
    at = rng.uniform(-0.02, 0.02), rng.uniform(-0.02, 0.02)
    board = canvas.frame.place(at, rng.uniform(-0.03, 0.03), rng.uniform(0.98, 1.02))
    canvas.paint((0.72, 0.58, 0.38))
    fibres = noise.layered(board.x, board.y * 0.25, 16, rng)
    canvas.shade(1 + 0.07 * fibres + 0.03 * noise.layered(board.x, board.y, 4, rng))
    hole, _, _ = lattice(board.place((0, 0.62)), (0.31, 0.31))
    canvas.paint((0.80, 0.62, 0.42), 0.7 * board.cover(circle(hole, 0.085)))
    canvas.paint((0.20, 0.14, 0.09), board.cover(circle(hole, 0.058)))

    shift = rng.uniform(-0.03, 0.03), rng.uniform(-0.02, 0.02)
    f = board.place(shift, rng.uniform(-0.04, 0.04))
    gloss = noise.layered(f.x, f.y, 7, rng)
    if flaw.kind == "misplaced":
        lean = flaw.rng.choice([-1.0, 1.0]) * flaw.rng.uniform(0.25, 0.6)
        f = f.place((flaw.rng.uniform(-0.3, 0.3), flaw.rng.uniform(-0.1, 0.2)), lean)
    struck = int(flaw.rng.integers(3))
    for number, x in enumerate((-0.31, 0.0, 0.31)):
        path = [(0.55 * x, -0.1), (0.55 * x, 0.08), (x, 0.30), (x, 0.62)]
        if number == struck and flaw.kind == "bent_lead":
            aside = flaw.rng.choice([-1.0, 1.0]) * flaw.rng.uniform(0.12, 0.24)
            path[2:] = [(x + aside, 0.32), (x + 0.6 * aside, 0.5), (x + 1.5 * aside, 0.72)]
        elif number == struck and flaw.kind == "cut_lead":
            path[2:] = [(0.55 * x + 0.2 * x, flaw.rng.uniform(0.16, 0.28))]
        away = line(f, path)
        shadow = line(Frame(f.x - 0.05, f.y - 0.05, f.px), path)
        canvas.shade(0.55, f.cover(shadow - 0.04, 0.05))
        tin = np.clip(0.95 - (away / 0.045) ** 2 * 0.5, 0, 1)
        canvas.paint(toned((0.84, 0.85, 0.86), tin), f.cover(away - 0.043))

    edge = np.maximum(box(f, (0.44, 0.40), 0.06, (0, -0.38)), circle(f, 0.58, (0, -0.30)))
    canvas.shade(0.45, 0.8 * f.cover(edge - 0.06, 0.10))
    case = f.cover(edge)
    canvas.paint((0.13, 0.13, 0.14), case)
    canvas.shade(1 + 0.15 * gloss, case)
    canvas.paint((0.34, 0.34, 0.36), 0.8 * case * bump(edge + 0.045, 0.02))
    canvas.paint((0.24, 0.24, 0.26), case * f.cover(f.y + 0.66, 0.04))
    label = f.place((0, -0.40))
    canvas.paint((0.66, 0.66, 0.64), 0.8 * f.cover(lettering(label, "HK5", 0.17) - 0.016))
    canvas.paint((0.60, 0.60, 0.58), 0.6 * f.cover(box(label, (0.20, 0.013), at=(0, 0.17))))
    if flaw.kind == "damaged_case":
        side = flaw.rng.choice([-1.0, 1.0])
        corner = side * flaw.rng.uniform(0.22, 0.42), flaw.rng.choice([-0.70, -0.38, -0.06])
        broken = chip(f, flaw, corner, flaw.rng.uniform(0.12, 0.22)) * case
        rough = noise.layered(f.x, f.y, 20, flaw.rng)
        canvas.paint((0.50, 0.49, 0.47), (0.3 + 0.7 * flaw.strength) * broken)
        canvas.shade(1 + 0.35 * rough, broken)

"""Medicine: a two-coloured capsule and a speckled pill, both with an imprint."""

import numpy as np

from bench.data.miniature import noise
from bench.data.miniature.camera import Point
from bench.data.miniature.defects import Flaw, blot, crack, fibre
from bench.data.miniature.draw import Canvas, Frame, Plane, blend, bump, hypot, varied
from bench.data.miniature.shapes import circle, ellipse, lettering


def capsule(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a lying capsule: a black cap pushed over an orange body that reads 500."""
    f = canvas.part
    canvas.paint(varied((0.84, 0.84, 0.83), rng, 0.05))
    canvas.shade(1 + 0.03 * noise.layered(canvas.frame.x, canvas.frame.y, 3, rng))

    seam = rng.uniform(-0.07, 0.07)
    half = 0.52 + rng.uniform(-0.02, 0.02)
    cap = f.cover(f.x - seam)
    radius = 0.34 + 0.014 * f.cover(f.x - seam, 0.02)
    if flaw.kind == "squeeze":
        side = float(flaw.rng.choice((-1, 1)))
        away = f.x - flaw.rng.uniform(-0.5, 0.5)
        pinch = bump(away, flaw.size**0.5 * flaw.rng.uniform(0.13, 0.20))
        pushed = flaw.rng.uniform(0.10, 0.20) * pinch
        radius = radius - pushed * (f.y * side > 0)
        depth = f.y * side + 1.5 * pushed
        canvas.blame((pinch > 0.2) & (depth > 0.34) & (f.y * side < 0.36))
    over = hypot(np.maximum(np.abs(f.x) - half, 0), f.y)
    edge = over - radius
    body = f.cover(edge)
    fallen = f.shadow(0.07)
    below = hypot(np.maximum(np.abs(fallen.x) - half, 0), fallen.y) - 0.32
    canvas.shade(1 - rng.uniform(0.35, 0.6) * bump(np.maximum(below, 0), 0.10))
    gloss = noise.layered(f.x, f.y, 4, rng)
    orange, black = varied((0.86, 0.36, 0.12), rng), varied((0.10, 0.10, 0.12), rng, 0.3)
    canvas.paint(blend(orange, black, cap), body)

    # The capsule may lie turned about its long axis, which carries the print up and down.
    imprint = f.place((0.36 + rng.uniform(-0.07, 0.07), rng.uniform(-0.10, 0.10)))
    worn = noise.layered(f.x, f.y, 9, rng)
    ink = np.clip(rng.uniform(0.70, 0.95) - 0.3 * np.clip(worn, 0, 1), 0, 1)
    word, meant = "500", imprint
    if flaw.kind == "faulty_imprint":
        imprint = imprint.place(flaw.spot((0.10, 0.06)), flaw.rng.choice((-0.5, 0.45, 3.14)))
        word = ("500", "50", "05")[flaw.rng.integers(3)]
        ink = ink * blot(f, flaw, flaw.spot((0.1, 0.1), (0.4, 0)), 0.26, 0.1)
        for at, letters in ((meant, "500"), (imprint, word)):
            canvas.blame(at.cover(lettering(at, letters, 0.21) - 0.06))
    canvas.paint((0.99, 0.92, 0.84), ink * imprint.cover(lettering(imprint, word, 0.21) - 0.022))
    canvas.paint((0.42, 0.42, 0.45), 0.4 * body * bump(f.x - seam + 0.30, 0.012))

    if flaw.kind == "crack":
        spot = flaw.spot((0.55, 0.2))
        gap = crack(f, flaw, spot, flaw.rng.uniform(0.3, 0.55), 0.055)
        hue = blend((0.20, 0.07, 0.03), (0.62, 0.62, 0.64), cap)
        canvas.paint(hue, (0.2 + 0.8 * flaw.strength) * gap * body)
    elif flaw.kind == "poke":
        for spot in flaw.spots(1, 2, (0.6, 0.2)):
            dent = flaw.size * flaw.rng.uniform(0.05, 0.08)
            rim = bump(circle(f, dent, spot), 0.03)
            canvas.paint((0.98, 0.90, 0.84), 0.75 * flaw.strength * rim * body)
            pit = f.cover(circle(f, dent * 0.8, spot))
            canvas.paint((0.10, 0.05, 0.04), (0.2 + 0.8 * flaw.strength) * pit * body)

    round_off = np.sqrt(np.clip(1 - (over / radius) ** 2, 0, 1))
    canvas.shade(0.45 + 0.6 * round_off + 0.04 * gloss + 0.3 * f.lit() * (1 - round_off), body)
    streak = bump(f.y - 0.18 * f.light[1], rng.uniform(0.025, 0.05))
    streak = streak * f.cover(np.abs(f.x) - 0.5, 0.15)
    canvas.paint((1.0, 0.97, 0.94), rng.uniform(0.4, 0.7) * streak * body)


def pill(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a white oval pill with red and yellow specks and an engraved FF."""
    f = canvas.part
    canvas.paint(varied((0.16, 0.19, 0.23), rng, 0.15))
    canvas.shade(1 + 0.08 * noise.layered(canvas.frame.x, canvas.frame.y, 6, rng))
    edge = ellipse(f, (0.78, 0.50))
    body = f.cover(edge)
    canvas.shade(1 - 0.6 * bump(np.maximum(ellipse(f.shadow(0.04), (0.78, 0.50)), 0), 0.07))
    powder = noise.layered(f.x, f.y, 14, rng)
    canvas.paint(varied((0.90, 0.89, 0.86), rng, 0.03), body)
    canvas.shade(1 + 0.09 * powder, body)
    centre, _, value = noise.voronoi(f.x, f.y, 15, rng)
    speck = f.cover(centre - rng.uniform(0.30, 0.42) + 0.1 * powder, 0.2)
    canvas.paint((0.78, 0.24, 0.20), 0.75 * speck * (value < rng.uniform(0.12, 0.26)) * body)
    canvas.paint((0.88, 0.68, 0.30), 0.60 * speck * (value > rng.uniform(0.82, 0.92)) * body)

    word = f.place((rng.uniform(-0.05, 0.05), rng.uniform(-0.04, 0.04)), rng.uniform(-0.06, 0.06))
    depth = rng.uniform(0.30, 0.42)
    letters, meant = "FF", word
    if flaw.kind == "faulty_imprint":
        word = word.place(flaw.spot((0.12, 0.06)), flaw.rng.choice((-0.5, 0.5)))
        letters = ("FF", "F", "0F")[flaw.rng.integers(3)]
        for at, text in ((meant, "FF"), (word, letters)):
            canvas.blame(at.cover(lettering(at, text, 0.40) - 0.075))
    groove = lettering(word, letters, 0.40)
    canvas.shade(1 - depth, word.cover(groove - 0.032, 0.03))
    canvas.shade(1.12, 0.8 * bump(lettering(word.shadow(0.04), letters, 0.40), 0.03))
    canvas.shade(0.86, body * bump(edge + 0.13, 0.02))

    if flaw.kind == "color":
        for spot in flaw.spots(1, 2, (0.5, 0.3)):
            tint = flaw.tint((0.86, 0.66, 0.22), (0.80, 0.42, 0.40))
            spread = blot(f, flaw, spot, flaw.rng.uniform(0.10, 0.18), 0.1) * body
            canvas.paint(tint, 0.85 * flaw.strength * spread)
    elif flaw.kind == "contamination":
        for spot in flaw.spots(1, 4, (0.6, 0.36)):
            dirt = _dirt(f, flaw, spot) * body
            canvas.paint((0.30, 0.24, 0.20), (0.1 + 0.7 * flaw.strength) * dirt)
    elif flaw.kind == "crack":
        gap = crack(f, flaw, flaw.spot((0.5, 0.3)), flaw.rng.uniform(0.4, 0.7), 0.05) * body
        canvas.paint((0.36, 0.33, 0.31), (0.2 + 0.8 * flaw.strength) * gap)

    dome = np.sqrt(np.clip(-edge / 0.30, 0, 1))
    canvas.shade(0.62 + 0.40 * dome + 0.16 * f.lit(), body)


def _dirt(f: Frame, flaw: Flaw, spot: Point) -> Plane:
    """Draw a grain of dirt, or now and then a hair."""
    if flaw.rng.random() < 0.25:
        return fibre(f, flaw, spot, flaw.rng.uniform(0.25, 0.45), 0.045)
    return blot(f, flaw, spot, flaw.rng.uniform(0.045, 0.08))

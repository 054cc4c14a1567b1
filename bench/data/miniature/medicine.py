"""Medicine: a two-coloured capsule and a speckled pill, both with an imprint."""

import numpy as np

from bench.data.miniature import noise
from bench.data.miniature.defects import Flaw, blot, crack, fibre
from bench.data.miniature.draw import Canvas, Frame, Plane, blend, bump
from bench.data.miniature.shapes import circle, ellipse, lettering


def capsule(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a lying capsule: a black cap pushed over an orange body that reads 500."""
    at = rng.uniform(-0.05, 0.05), rng.uniform(-0.06, 0.06)
    f = canvas.frame.place(at, rng.uniform(-0.10, 0.10), rng.uniform(0.95, 1.02))
    canvas.paint((0.84, 0.84, 0.83))
    canvas.shade(1 + 0.02 * noise.layered(canvas.frame.x, canvas.frame.y, 5, rng))

    radius = 0.34 + 0.014 * f.cover(f.x, 0.02)
    if flaw.kind == "squeeze":
        pinch = bump(f.x - flaw.rng.uniform(-0.6, 0.6), flaw.rng.uniform(0.10, 0.22))
        below = flaw.rng.choice([0.0, 1.0])
        radius = radius - flaw.rng.uniform(0.07, 0.16) * pinch * (
            0.35 + (f.y > 0 if below else f.y < 0)
        )
    over = np.hypot(np.maximum(np.abs(f.x) - 0.52, 0), f.y)
    edge = over - radius
    body = f.cover(edge)
    canvas.paint((0.30, 0.30, 0.32), 0.55 * bump(np.maximum(over - 0.34 - 0.10 * f.y, 0), 0.07))
    gloss = noise.layered(f.x, f.y, 4, rng)
    cap = f.cover(f.x)
    canvas.paint(blend((0.86, 0.36, 0.12), (0.10, 0.10, 0.12), cap), body)

    imprint = f.place((0.36 + rng.uniform(-0.06, 0.06), rng.uniform(-0.03, 0.03)))
    ink = 0.8 - 0.2 * np.clip(gloss, 0, 1)
    word = "500"
    if flaw.kind == "faulty_imprint":
        imprint = imprint.place(flaw.spot((0.10, 0.06)), flaw.rng.choice([-0.5, 0.45, 3.14]))
        word = str(flaw.rng.choice(["500", "50", "05"]))
        ink = ink * blot(f, flaw, flaw.spot((0.1, 0.1), (0.4, 0)), 0.26, 0.1)
    canvas.paint((0.99, 0.92, 0.84), ink * imprint.cover(lettering(imprint, word, 0.21) - 0.022))
    canvas.paint((0.42, 0.42, 0.45), 0.4 * body * bump(f.x + 0.30, 0.012))

    if flaw.kind == "crack":
        spot = flaw.spot((0.55, 0.2))
        gap = crack(f, flaw, spot, flaw.rng.uniform(0.3, 0.6), 0.04)
        canvas.paint(blend((0.20, 0.07, 0.03), (0.62, 0.62, 0.64), cap), flaw.strength * gap * body)
    elif flaw.kind == "poke":
        for spot in flaw.spots(1, 2, (0.6, 0.2)):
            dent = flaw.rng.uniform(0.05, 0.09)
            rim = bump(circle(f, dent, spot), 0.022)
            canvas.paint((0.98, 0.90, 0.84), 0.7 * flaw.strength * rim * body)
            canvas.paint((0.10, 0.05, 0.04), flaw.strength * f.cover(circle(f, dent * 0.8, spot)))

    round_off = np.sqrt(np.clip(1 - (over / radius) ** 2, 0, 1))
    canvas.shade(0.45 + 0.6 * round_off + 0.02 * gloss, body)
    streak = bump(f.y + 0.15, 0.035) * f.cover(np.abs(f.x) - 0.5, 0.15)
    canvas.paint((1.0, 0.97, 0.94), 0.62 * streak * body)


def pill(canvas: Canvas, rng: np.random.Generator, flaw: Flaw) -> None:
    """Draw a white oval pill with red and yellow specks and an engraved FF."""
    at = rng.uniform(-0.05, 0.05), rng.uniform(-0.05, 0.05)
    f = canvas.frame.place(at, rng.uniform(-0.10, 0.10), rng.uniform(0.96, 1.03))
    canvas.paint((0.16, 0.19, 0.23))
    canvas.shade(1 + 0.06 * noise.layered(canvas.frame.x, canvas.frame.y, 6, rng))
    half = 0.78, 0.50
    edge = ellipse(f, half)
    body = f.cover(edge)
    canvas.shade(1 - 0.6 * bump(np.maximum(edge, 0), 0.06))
    powder = noise.layered(f.x, f.y, 14, rng)
    canvas.paint((0.90, 0.89, 0.86), body)
    canvas.shade(1 + 0.03 * powder, body)
    centre, _, value = noise.voronoi(f.x, f.y, 15, rng)
    speck = f.cover(centre - 0.32 + 0.1 * powder, 0.2)
    canvas.paint((0.78, 0.24, 0.20), 0.75 * speck * (value < 0.16) * body)
    canvas.paint((0.88, 0.68, 0.30), 0.60 * speck * (value > 0.90) * body)

    word = f.place((rng.uniform(-0.03, 0.03), rng.uniform(-0.03, 0.03)))
    letters, deep = "FF", 1.0
    if flaw.kind == "faulty_imprint":
        word = word.place(flaw.spot((0.12, 0.06)), flaw.rng.choice([-0.5, 0.5]))
        letters, deep = str(flaw.rng.choice(["FF", "F", "0F"])), flaw.rng.uniform(0.6, 1.3)
    groove = lettering(word, letters, 0.40)
    canvas.shade(0.62, word.cover(groove - 0.032, 0.03) * min(deep, 1.0))
    lower_right = Frame(word.x - 0.03, word.y - 0.03, word.px)
    canvas.shade(1.12, 0.8 * bump(lettering(lower_right, letters, 0.40), 0.03))
    canvas.shade(0.86, body * bump(edge + 0.13, 0.02))

    if flaw.kind == "color":
        for spot in flaw.spots(1, 2, (0.5, 0.3)):
            tint = (0.86, 0.66, 0.22) if flaw.rng.random() < 0.5 else (0.80, 0.42, 0.40)
            spread = blot(f, flaw, spot, flaw.rng.uniform(0.09, 0.20), 0.1)
            canvas.paint(tint, 0.8 * flaw.strength * spread * body)
    elif flaw.kind == "contamination":
        for spot in flaw.spots(1, 4, (0.6, 0.36)):
            canvas.paint((0.22, 0.18, 0.16), flaw.strength * _dirt(f, flaw, spot) * body)
    elif flaw.kind == "crack":
        gap = crack(f, flaw, flaw.spot((0.5, 0.3)), flaw.rng.uniform(0.4, 0.8), 0.035)
        canvas.paint((0.36, 0.33, 0.31), flaw.strength * gap * body)

    dome = np.sqrt(np.clip(-edge / 0.30, 0, 1))
    canvas.shade(0.62 + 0.40 * dome - 0.10 * (f.x + f.y), body)


def _dirt(f: Frame, flaw: Flaw, spot: tuple[float, float]) -> Plane:
    """Draw a grain of dirt, or now and then a hair."""
    if flaw.rng.random() < 0.25:
        return fibre(f, flaw, spot, flaw.rng.uniform(0.25, 0.45), 0.03)
    return blot(f, flaw, spot, flaw.rng.uniform(0.03, 0.07))

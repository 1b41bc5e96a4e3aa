"""Eight bits for weights, and for activations whose scale is fixed by what they were on real text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVELS = 255
"""Steps of a uint8."""
TAILS = (0.0, 1e-5, 1e-4, 1e-3)
"""Parts of all values, at either end, that may be cut off for a finer step."""
SHARES = (0.0, 0.25, 0.5, 0.75)
"""How much of a channel's size its weights take over: at 0 none, at 1 all channels are equally large (SmoothQuant,
arXiv 2211.10438)."""
WORTH_A_PASS = 0.9
"""Dividing channels takes a pass at run time: the error that is left of what it is without."""
LEAST = 1e-6
"""Size of a channel that is always zero."""


@dataclass(frozen=True)
class Rounding:
    """value = size · (uint8 − zero)."""

    size: float
    zero: int

    def apply(self, x: np.ndarray) -> np.ndarray:
        """x as it comes back."""
        q = np.clip(np.rint(x * np.float32(1 / self.size)) + self.zero, 0, LEVELS)
        return (q - self.zero).astype(np.float32) * np.float32(self.size)


@dataclass(frozen=True)
class FittedLinear:
    """x · Wᵀ as (x / divisors, rounded) · (weight · scales)ᵀ + moved: int8 weight [out,in], scales [out], divisors
    [in] where they earn their pass."""

    rounding: Rounding
    divisors: np.ndarray | None
    weight: np.ndarray
    scales: np.ndarray
    moved: np.ndarray
    """The mean of what rounding took from each output."""


def quantize_rows(weight: np.ndarray, most: int = 127) -> tuple[np.ndarray, np.ndarray]:
    """[rows,in] → int8 [rows,in] of −most … most, float32 scale [rows]."""
    scale = (np.abs(weight).max(1) / most).astype(np.float32)
    scale[scale == 0] = 1
    return np.clip(np.rint(weight / scale[:, None]), -most, most).astype(np.int8), scale


def roundings(x: np.ndarray) -> list[Rounding]:
    """From the widest."""
    flat = x.ravel()
    found = []
    for low, high in zip(np.quantile(flat, TAILS), np.quantile(flat, [1 - tail for tail in TAILS]), strict=True):
        low, high = min(float(low), 0.0), max(float(high), 0.0)
        size = max(high - low, LEAST) / LEVELS
        found.append(Rounding(size, round(-low / size)))
    return found


def fit_rounding(x: np.ndarray) -> Rounding:
    """The one with the least squared error."""
    return min(roundings(x), key=lambda one: float(np.square(one.apply(x) - x).mean()))


def fit_linear(x: np.ndarray, weight: np.ndarray) -> FittedLinear:
    """x [rows,in] is real, weight [out,in]: the least squared error of the outputs."""
    exact = x @ weight.T
    best = {share: min((try_linear(x, weight, exact, divisors_of(x, weight, share), cut) for cut in range(len(TAILS))),
                       key=lambda tried: tried[0]) for share in SHARES}
    plain = best[0.0]
    error, fitted = min(best.values(), key=lambda tried: tried[0])
    return fitted if error < WORTH_A_PASS**2 * plain[0] else plain[1]


def divisors_of(x: np.ndarray, weight: np.ndarray, share: float) -> np.ndarray | None:
    if share == 0:
        return None
    sizes, weights = (np.maximum(np.abs(part).max(0), LEAST) for part in (x, weight))
    found = sizes**share / weights ** (1 - share)
    return (found / np.exp(np.log(found).mean())).astype(np.float32)


def try_linear(
    x: np.ndarray, weight: np.ndarray, exact: np.ndarray, divisors: np.ndarray | None, cut: int
) -> tuple[float, FittedLinear]:
    """→ (mean squared error, how)."""
    divided = x if divisors is None else x / divisors
    rounding = roundings(divided)[cut]
    q8, scales = quantize_rows(weight if divisors is None else weight * divisors)
    error = exact - rounding.apply(divided) @ (q8 * scales[:, None]).T
    moved = error.mean(0)
    return float(np.square(error - moved).mean()), FittedLinear(rounding, divisors, q8, scales, moved)

"""Great-circle distances in whole metres, equal on every machine.

Only + − × ÷ and √ are used, which IEEE 754 rounds exactly; the sine of a C library is not.
"""

from math import pi
from typing import Any

import numpy as np
from numpy.typing import NDArray

EARTH_RADIUS_M = 6_371_008.8
UNKNOWN = -1


def _series(terms: int) -> tuple[float, ...]:
    coefficients, value = [1.0], 1.0
    for n in range(1, terms):
        value = -value / ((2 * n) * (2 * n + 1))
        coefficients.append(value)
    return tuple(reversed(coefficients))


def _arcsine_series(terms: int) -> tuple[float, ...]:
    coefficients, value = [1.0], 1.0
    for n in range(1, terms):
        value = value * (2 * n - 1) / (2 * n)
        coefficients.append(value / (2 * n + 1))
    return tuple(reversed(coefficients))


_SINE = _series(13)
_ARCSINE = _arcsine_series(14)


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    square = x * x
    total = square * coefficients[0]
    for coefficient in coefficients[1:-1]:
        total = (total + coefficient) * square
    return (total + coefficients[-1]) * x


def unit_vector(lon: float, lat: float) -> tuple[float, float, float]:
    half_lon, half_lat = lon * pi / 360, lat * pi / 360
    sin_lon, cos_lon = _sine_and_cosine(half_lon)
    sin_lat, cos_lat = _sine_and_cosine(half_lat)
    return cos_lat * cos_lon, cos_lat * sin_lon, sin_lat


def _sine_and_cosine(half: float) -> tuple[float, float]:
    sine, cosine = _polynomial(_SINE, half), _polynomial(_SINE, pi / 2 - abs(half))
    return 2 * sine * cosine, 1 - 2 * sine * sine


def distances_m(vectors: NDArray[np.float64], origin: tuple[float, float, float] | None) -> NDArray[np.int32]:
    """Metres from the origin to each column of a 3 × n array; a NaN column or no origin is UNKNOWN."""
    if origin is None:
        return np.full(vectors.shape[1], UNKNOWN, np.int32)
    dx, dy, dz = vectors[0] - origin[0], vectors[1] - origin[1], vectors[2] - origin[2]
    half_chord = np.minimum(np.sqrt(dx * dx + dy * dy + dz * dz) * 0.5, 1.0)
    far = half_chord > 0.5
    argument = np.where(far, np.sqrt((1.0 - half_chord) * 0.5), half_chord)
    arc = _polynomial(_ARCSINE, argument)
    metres = np.where(far, pi / 2 - 2 * arc, arc) * (2 * EARTH_RADIUS_M)
    return np.where(np.isnan(metres), UNKNOWN, np.rint(metres)).astype(np.int32)

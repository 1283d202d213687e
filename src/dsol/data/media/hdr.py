"""High dynamic range (PQ and HLG, ITU-R BT.2100) mapped to the standard range.

    16-bit R'G'B' ─EOTF─▶ light in units of white ─BT.2020 to BT.709─▶ ─tone curve─▶ 8-bit R'G'B'

White is 203 cd/m², as BT.2408 has it: a sheet of paper is nearly 255, and brighter values get the rest.
"""

from functools import cache

import numpy as np

PQ, HLG = "PQ", "HLG"
TRANSFERS = {16: PQ, 18: HLG}  # AVCOL_TRC_SMPTE2084, AVCOL_TRC_ARIB_STD_B67
WHITE = 203.0  # cd/m², of diffuse white
HLG_PEAK = 1000.0  # cd/m², of the display that HLG is graded on; its system gamma is then 1.2
HLG_GAMMA = 1.2
KNEE = 0.8  # share of the standard range up to which light is shown as it is
GAMMA = 2.4  # of standard displays, BT.1886
TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)  # BT.2087
LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of BT.2020's red, green and blue


def to_sdr(rgb: np.ndarray, transfer: str) -> np.ndarray:
    """A picture of high dynamic range as a screen of standard range shows it.

    Args:
        rgb: (height, width, 3) uint16, the coded R'G'B' of BT.2020.
        transfer: `PQ` or `HLG`.

    Returns:
        (height, width, 3) uint8 R'G'B' of BT.709. Hues are kept: all three colours are dimmed alike.
    """
    light = _light(transfer)[rgb]
    if transfer == HLG:
        light *= (HLG_PEAK / WHITE) * (light @ LUMINANCE)[..., None] ** (HLG_GAMMA - 1)
    light = np.maximum(light @ TO_BT709.T, 0)
    brightest = light.max(axis=-1, keepdims=True)
    light *= _tone(brightest) / np.maximum(brightest, 1e-6)
    return (255 * light ** np.float32(1 / GAMMA) + 0.5).astype(np.uint8)


def _tone(light: np.ndarray) -> np.ndarray:
    """Light as it is up to the knee, then ever closer to 1."""
    above = (light - KNEE) / (1 - KNEE)
    return np.where(above <= 0, light, 1 - (1 - KNEE) * np.exp(-np.maximum(above, 0)))


@cache
def _light(transfer: str) -> np.ndarray:
    """(65536,) of coded value -> light: of PQ in units of white, of HLG of the scene in [0, 1]."""
    code = np.linspace(0, 1, 2**16)
    if transfer == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        return np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12).astype(np.float32)
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = code ** (1 / m2)
    return (10_000 / WHITE * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)).astype(np.float32)

"""What a person corrected in another tool, back as boxes.json. docs/formats.md shows the whole way round.

Label Studio, CVAT, COCO ──▶ where things are ┐
ELAN, Praat, Audacity ─────▶ when they sound ─┴─▶ Corrected ──merge──▶ Boxes, with `sounding`
result.json ───────────────▶ where nobody said anything else
"""

from dsol.data.corrections.correct import correct
from dsol.data.corrections.reading import read_correction

__all__ = ["correct", "read_correction"]

"""Cocktail-party scenes out of single-source clips, as MUSIC-Synthetic was made (section 4.1 of the paper).

clips of different categories ──choosing──▶ sources, some of which sound
    frames ──layouts──▶ one picture            sounds of those that sound ──mix──▶ one second
"""

from dsol.data.scenes.composing import check_numbers, compose

__all__ = ["check_numbers", "compose"]

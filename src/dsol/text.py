"""Text of every origin: names of files, whatever their bytes, and text files, whatever wrote them."""

import codecs
import os
import unicodedata
from pathlib import Path

BYTE_ORDER_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def name_of(path: str | os.PathLike) -> str:
    r"""A path as text that can be printed and stored; bytes that are no UTF-8 become `\xe9`.

    The composed Unicode form (NFC) is taken: macOS stores the decomposed one, and lists and files must agree.

    Example:
        >>> name_of(b"caf\xe9.mp4".decode("utf-8", "surrogateescape"))
        'caf\\xe9.mp4'
    """
    text = os.fspath(path)
    if text.isascii():
        return text
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raw = text.encode("utf-8", "surrogateescape")
        text = raw.decode("utf-8", "backslashreplace")
    return composed(text)


def composed(text: str) -> str:
    """A text in the Unicode form NFC, in which equal texts are equal.

    Example:
        >>> composed("cafe\u0301") == "caf\u00e9"
        True
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def read_text(path: str | Path) -> str:
    """A text file: UTF-8, or what its byte order mark says.

    Raises:
        OSError: cannot be read.
        UnicodeDecodeError: is no such text; a ValueError.
    """
    data = Path(path).read_bytes()
    marked = (encoding for mark, encoding in BYTE_ORDER_MARKS.items() if data.startswith(mark))
    return data.decode(next(marked, "utf-8"))

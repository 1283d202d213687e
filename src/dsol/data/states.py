"""What an object may do: the words that every file uses for it."""

STATES = ("seen", "off screen", "silent", "unknown")  # sounds and is seen; sounds elsewhere; only seen; cannot be told
SEEN, OFF_SCREEN, SILENT, UNKNOWN = range(4)

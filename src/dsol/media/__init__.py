"""Video and sound in and out (PyAV and soxr; no torch).

`probe` says what a file holds, `read_seconds` streams it as seconds of frames and sound, `read_frames` as frames,
`VideoWriter` writes frames with the original sound. Everything streams: no memory grows with a video's length.

Time starts when the first picture or sound does, as in a player. Pictures are turned as the file asks (display
matrix); pixels that are not square stay as stored.
"""

from dsol.media.info import VIDEO_SUFFIXES, VideoInfo, find_videos, probe
from dsol.media.reading import Second, read_frames, read_seconds
from dsol.media.writing import VideoWriter

__all__ = [
    "VIDEO_SUFFIXES",
    "Second",
    "VideoInfo",
    "VideoWriter",
    "find_videos",
    "probe",
    "read_frames",
    "read_seconds",
]

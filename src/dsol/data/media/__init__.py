"""Video and sound in and out (PyAV and soxr; no torch).

`probe` says what a file holds, `read_seconds` streams it as seconds of frames and sound, `read_frames` as frames,
`VideoWriter` writes frames with the original sound. All of these stream: no memory grows with a video's length.
`read_photo` and `read_sound` read single pictures and recordings.

Time starts when the first picture or sound does, as in a player. Pictures are rotated as the file says
(display matrix), pixels that are not square are made so, and high dynamic range is mapped to the standard range.
"""

from dsol.data.media.info import (
    SOUND_SUFFIXES,
    VIDEO_SUFFIXES,
    VideoInfo,
    find_sounds,
    find_videos,
    probe,
    unread_videos,
)
from dsol.data.media.photo import read_photo
from dsol.data.media.reading import Second, read_frames, read_seconds
from dsol.data.media.waveform import read_sound
from dsol.data.media.writing import VideoWriter

__all__ = [
    "SOUND_SUFFIXES", "VIDEO_SUFFIXES", "Second", "VideoInfo", "VideoWriter", "find_sounds", "find_videos", "probe",
    "read_frames", "read_photo", "read_seconds", "read_sound", "unread_videos",
]  # fmt: skip

"""Eleven synthetic instruments: a melody, an instrument that plays it, a room that it stands in.

    rng ──write_melody──▶ notes ──perform──▶ dry sound ──in_room──▶ sound

Pitch alone does not give a category away: ranges overlap by octaves. What does is what tells real instruments
apart: attack and decay, odd or inharmonic partials, resonances of the body, brightness that follows loudness,
vibrato, breath and bow noise, beating reeds.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import signal

from dsol.demo.toyband.melody import Note, write_melody

TABLE = 2048  # samples in one period of a wavetable
BLOCK = 256  # samples; see `ring`


@dataclass(frozen=True)
class Instrument:
    """What a family's function needs to know of one of its members.

    Attributes:
        sound: (n samples, note, previous note, instrument, rng, sample rate) -> one note, float32.
        low, high: range in MIDI semitones.
        pace: shortest and longest note in seconds.
        resonances: (Hz, gain, width in octaves) of body and bell.
        tilt: how fast harmonics fall: amplitude of harmonic k is k ** -tilt.
        odd: how much of the even harmonics is left, 1 for all of them.
        vibrato: depth in semitones.
        noise: level of breath or bow noise.
        attack_s: time to full loudness.
        ring_s: how long a struck or plucked note of middle pitch rings.
    """

    sound: Callable[..., np.ndarray]
    low: int
    high: int
    pace: tuple[float, float]
    resonances: tuple[tuple[float, float, float], ...] = ()
    tilt: float = 1.0
    odd: float = 1.0
    vibrato: float = 0.0
    noise: float = 0.0
    attack_s: float = 0.05
    ring_s: float = 1.0


def hertz(pitch: float) -> float:
    """Frequency of a MIDI pitch.

    Example:
        >>> hertz(69)
        440.0
    """
    return 440.0 * 2.0 ** ((pitch - 69) / 12)


def ring(hertz_: np.ndarray, decay_s: np.ndarray, level: np.ndarray, n: int, rate: int) -> np.ndarray:
    """Sum of decaying sine waves, (n,) float32.

    exp(s·t) at t = BLOCK·i + j is exp(s·BLOCK·i)·exp(s·j), so the whole bank is one small matrix product.

    Args:
        hertz_, decay_s, level: (K,) frequency, time to fall by 60 dB in seconds, amplitude.
        n: samples to make.
        rate: samples a second.
    """
    heard = hertz_ < 0.48 * rate
    s = (2j * np.pi * hertz_[heard] - 6.9 / decay_s[heard]) / rate
    blocks = np.exp(np.outer(np.arange(-(-n // BLOCK)) * BLOCK, s)) * level[heard]
    within = np.exp(np.outer(s, np.arange(BLOCK)))
    return (blocks.astype(np.complex64) @ within.astype(np.complex64)).imag.reshape(-1)[:n]


def harmonics(base: float, made: Instrument, brightness: float, rate: int) -> np.ndarray:
    """Amplitudes of the harmonics 1…K of a sustained tone, shaped by the body; K ends below half the rate.

    Args:
        base: frequency of the first harmonic, Hz.
        brightness: 0 for pianissimo to 1 for fortissimo; loud tones keep their high harmonics.
    """
    k = np.arange(1, max(2, min(150, int(0.45 * rate / base))))
    level = k ** -(made.tilt * (1.45 - 0.75 * brightness))
    level[1::2] *= made.odd
    gain = np.full(len(k), 0.25)
    for centre, peak, octaves in made.resonances:
        gain += peak * np.exp(-0.5 * (np.log2(k * base / centre) / octaves) ** 2)
    return level * (gain if made.resonances else 1.0)


def wave(level: np.ndarray) -> np.ndarray:
    """One period with the given harmonics, (TABLE,) float32, power one."""
    spectrum = np.zeros(TABLE // 2 + 1, complex)
    spectrum[1 : len(level) + 1] = level * np.exp(0.7j * np.arange(len(level)) ** 2)  # spread phases: no peaks
    period = np.fft.irfft(spectrum)
    return (period / np.sqrt(np.mean(period**2))).astype(np.float32)


def envelope(n: int, attack_s: float, release_s: float, rate: int) -> np.ndarray:
    """Rise and fall of a sustained note, (n,) float32."""
    t = np.arange(n, dtype=np.float32) / rate
    return np.minimum(1 - np.exp(-3 * t / attack_s), np.clip((n / rate - t) / release_s, 0, 1) ** 0.7)


def sustain(n, note, before, made, rng, rate, bend=0.0, bend_s=0.05, accent=0.0, flutter=0.0) -> np.ndarray:
    """A blown or bowed tone: two wavetables, soft and loud, crossfaded by the envelope.

    Args:
        bend: semitones by which the note starts off pitch, gliding home within `bend_s` seconds.
        accent: how far the attack overshoots.
        flutter: depth of a vibrato of loudness, as of a flute.
    """
    t = np.arange(n, dtype=np.float32) / rate
    delayed = np.clip((t - 0.12) / 0.25, 0, 1)
    shake = delayed * np.sin(2 * np.pi * rng.uniform(4.8, 6.3) * t + rng.uniform(0, 6.28))
    pitch = note.pitch + made.vibrato * shake + bend * np.exp(-3 * t / bend_s)
    base = hertz(note.pitch)
    phase = np.cumsum(base / rate * np.exp2((pitch - note.pitch) / 12), dtype=np.float64)
    index = (phase * TABLE).astype(np.int64) & (TABLE - 1)
    force = envelope(n, made.attack_s, 0.06, rate) * (1 + flutter * shake + accent * np.exp(-t / 0.05))
    top = base * 2 ** (max(bend, 0) / 12)
    soft, loud = (wave(harmonics(top, made, b, rate)) for b in (0.0, 1.0))
    bright = np.clip(note.loudness * force, 0, 1)
    return force * (soft[index] * (1 - bright) + loud[index] * bright)


def hiss(n: int, low: float, high: float, rng: np.random.Generator, rate: int) -> np.ndarray:
    """Noise around a band of frequencies, (n,) float32, power one."""
    middle = 2 * np.pi * np.sqrt(low * min(high, 0.45 * rate)) / rate
    wide = 2 * np.pi * (min(high, 0.45 * rate) - low) / rate  # a two-pole resonator as broad as the band
    radius = np.exp(-wide / 2)
    noise = rng.standard_normal(n, dtype=np.float32)
    noise = np.asarray(signal.lfilter([1, 0, -1], [1, -2 * radius * np.cos(middle), radius**2], noise), np.float32)
    return noise / (np.sqrt(np.mean(noise**2)) + 1e-9)


def bowed(n, note, before, made, rng, rate) -> np.ndarray:
    """Violin and cello: a sawtooth through the body's resonances, with vibrato and the scratch of the bow."""
    tone = sustain(n, note, before, made, rng, rate, bend=rng.uniform(-0.4, 0.2))
    scratch = hiss(n, 1500, 6000, rng, rate) * envelope(n, 0.01, 0.05, rate)
    start = np.exp(-np.arange(n, dtype=np.float32) / (0.03 * rate))
    return tone + made.noise * scratch * (0.4 + 2 * start)


def slid(n, note, before, made, rng, rate) -> np.ndarray:
    """Erhu: bowed on a string without a fingerboard, so that every note slides in from the last."""
    bend = float(np.clip(before.pitch - note.pitch, -4, 4)) if before else rng.uniform(-2, 2)
    tone = sustain(n, note, before, made, rng, rate, bend=bend, bend_s=0.16)
    return tone + made.noise * hiss(n, 2000, 7000, rng, rate)


def reed(n, note, before, made, rng, rate) -> np.ndarray:
    """Clarinet (odd harmonics, no vibrato) and saxophone (all of them, scooped attack, growl of breath)."""
    scoop = rng.uniform(-1.5, 0) if made.vibrato else 0.0
    tone = sustain(n, note, before, made, rng, rate, bend=scoop, bend_s=0.09)
    return tone + made.noise * hiss(n, 800, 5000, rng, rate) * envelope(n, made.attack_s, 0.06, rate)


def blown(n, note, before, made, rng, rate) -> np.ndarray:
    """Flute: hardly any harmonics, loudness that trembles, and breath around the pitch and above it."""
    tone = sustain(n, note, before, made, rng, rate, bend=rng.uniform(-0.3, 0), flutter=0.25)
    base = hertz(note.pitch)
    breath = hiss(n, 0.8 * base, 2.5 * base, rng, rate) + 0.7 * hiss(n, 3000, 9000, rng, rate)
    chiff = 1 + 2 * np.exp(-np.arange(n, dtype=np.float32) / (0.04 * rate))
    return tone + made.noise * breath * chiff * envelope(n, 0.02, 0.06, rate)


def brass(n, note, before, made, rng, rate) -> np.ndarray:
    """Trumpet and tuba: brightness follows loudness, and the attack bursts."""
    return sustain(n, note, before, made, rng, rate, bend=rng.uniform(-0.8, 0), bend_s=0.03, accent=0.5)


def bellows(n, note, before, made, rng, rate) -> np.ndarray:
    """Accordion: two or three reeds a note that beat against each other, often a chord."""
    t = np.arange(n, dtype=np.float32) / rate
    period = wave(harmonics(hertz(note.pitch + 7), made, note.loudness, rate))
    chord = (0, 4, 7) if rng.random() < 0.4 else (0,)
    beating = rng.uniform(0.06, 0.16)  # semitones
    sound = np.zeros(n, np.float32)
    for pitch in (note.pitch + c + d for c in chord for d in (-beating, 0.0, beating)):
        phase = hertz(pitch) * t.astype(np.float64) + rng.random()
        sound += period[(phase * TABLE).astype(np.int64) & (TABLE - 1)]
    return sound / np.sqrt(3 * len(chord)) * envelope(n, made.attack_s, 0.03, rate)


def plucked(n, note, before, made, rng, rate) -> np.ndarray:
    """Guitar: nearly harmonic partials, combed by where the string is plucked, high ones dying first."""
    sound = np.zeros(n, np.float32)
    strum = (0, 7, 12, 16) if rng.random() < 0.35 else (0,)
    for i, above in enumerate(strum):
        k = np.arange(1, 36)
        base = hertz(note.pitch + above)
        level = np.abs(np.sin(np.pi * k * rng.uniform(0.12, 0.3))) / k ** (1.6 - 0.6 * note.loudness)
        decay = made.ring_s * (220 / base) ** 0.4 / (1 + 0.012 * k**2)
        late = min(int(i * 0.018 * rate), n - 1)
        sound[late:] += ring(base * k * np.sqrt(1 + 1e-4 * k**2), decay, level, n - late, rate)
    knock = hiss(min(n, rate // 20), 90, 400, rng, rate)
    sound[: len(knock)] += 0.25 * knock * np.exp(-np.arange(len(knock)) / (0.012 * rate))
    return sound / np.sqrt(len(strum))


def struck(n, note, before, made, rng, rate) -> np.ndarray:
    """Xylophone: a wooden bar, tuned to 1 : 3, and the click of the mallet; long notes are rolled."""
    ratios = np.array([1.0, 3.0, 6.1, 9.9]) * np.array([1, *rng.uniform(0.985, 1.015, 3)])
    level = np.array([1.0, 0.45, 0.25, 0.12]) * np.array([1, *np.full(3, 0.4 + note.loudness)])
    base = hertz(note.pitch)
    decay = made.ring_s * (520 / base) ** 0.5 / np.array([1.0, 2.0, 3.5, 5.0])
    one = ring(base * ratios, decay, level, n, rate)
    click = hiss(min(n, rate // 50), 1500, 7000, rng, rate)
    one[: len(click)] += 0.5 * click * np.exp(-np.arange(len(click)) / (0.003 * rate))
    hits = max(1, round(n / rate / rng.uniform(0.09, 0.14))) if note.length_s > 0.35 else 1
    sound = np.zeros(n, np.float32)
    for start in (i * n // hits for i in range(hits)):
        sound[start:] += rng.uniform(0.7, 1.0) * one[: n - start]
    return sound


INSTRUMENTS = {
    "accordion": Instrument(bellows, 50, 84, (0.2, 1.2), tilt=0.75, attack_s=0.03),
    "acoustic_guitar": Instrument(plucked, 40, 74, (0.14, 0.55), ring_s=2.2),
    "cello": Instrument(bowed, 36, 69, (0.3, 1.4), ((220, 1.2, 0.5), (600, 0.7, 0.4), (1800, 0.4, 0.5)),
                        tilt=0.9, vibrato=0.22, noise=0.05, attack_s=0.12),
    "clarinet": Instrument(reed, 50, 84, (0.15, 1.0), ((1400, 0.5, 0.9), (400, 0.6, 1.0)),
                           tilt=0.85, odd=0.05, noise=0.015, attack_s=0.05),
    "erhu": Instrument(slid, 60, 84, (0.3, 1.2), ((900, 1.6, 0.22), (2600, 1.3, 0.25), (4300, 0.7, 0.2)),
                       tilt=0.45, vibrato=0.55, noise=0.06, attack_s=0.09),
    "flute": Instrument(blown, 60, 91, (0.15, 1.2), tilt=2.2, vibrato=0.12, noise=0.11, attack_s=0.07),
    "saxophone": Instrument(reed, 49, 80, (0.18, 1.1), ((600, 1.3, 0.45), (1300, 1.0, 0.35), (3200, 0.4, 0.4)),
                            tilt=0.55, vibrato=0.3, noise=0.08, attack_s=0.04),
    "trumpet": Instrument(brass, 54, 84, (0.15, 1.0), ((1250, 1.5, 0.7), (2500, 0.9, 0.6)),
                          tilt=0.6, vibrato=0.06, noise=0.0, attack_s=0.025),
    "tuba": Instrument(brass, 29, 60, (0.25, 1.0), ((230, 1.5, 0.9),), tilt=1.5, noise=0.0, attack_s=0.07),
    "violin": Instrument(bowed, 55, 90, (0.2, 1.2), ((500, 0.8, 0.3), (1050, 0.7, 0.3), (2700, 1.1, 0.5)),
                         tilt=0.7, vibrato=0.35, noise=0.06, attack_s=0.07),
    "xylophone": Instrument(struck, 60, 96, (0.12, 0.7), ring_s=0.55),
}  # fmt: skip
CATEGORIES = tuple(INSTRUMENTS)


def melody(category: str, seconds: float, rng: np.random.Generator) -> list[Note]:
    """What an instrument plays."""
    made = INSTRUMENTS[category]
    return write_melody(made.low, made.high, made.pace, seconds, rng)


def perform(category: str, notes: list[Note], seconds: float, rng: np.random.Generator, rate: int) -> np.ndarray:
    """A melody played on one instrument without a room, (seconds · rate,) float32, power one."""
    made, total = INSTRUMENTS[category], round(seconds * rate)
    sound = np.zeros(total, np.float32)
    for before, note in zip([None, *notes[:-1]], notes, strict=True):
        start = round(note.start_s * rate)
        ringing = made.sound in (plucked, struck)
        n = min(total - start, round((note.length_s + (0.6 if ringing else 0.04)) * rate))
        if n > rate // 50:
            sound[start : start + n] += note.loudness * made.sound(n, note, before, made, rng, rate)
    return sound / (np.sqrt(np.mean(sound**2)) + 1e-9)


def in_room(sound: np.ndarray, rng: np.random.Generator, rate: int) -> np.ndarray:
    """A sound as heard in a room with an echo of random length and strength; same length, float32.

    Args:
        sound: of everybody who plays, dry.
        rng: chooses the room.
        rate: samples a second.

    Example:
        >>> in_room(np.zeros(16000, np.float32), np.random.default_rng(0), 16000).shape
        (16000,)
    """
    length_s, wet = rng.uniform(0.1, 0.7), rng.uniform(0.05, 0.5)
    n = int(length_s * rate)
    t = np.arange(n, dtype=np.float32) / rate
    tail = hiss(n, 120, rng.uniform(2500, 7000), rng, rate) * np.exp(-5 * t / length_s)
    tail *= t > rng.uniform(0.004, 0.02)  # the first reflection
    response = (wet * tail / np.sqrt(np.sum(tail**2))).astype(np.float32)
    response[0] = 1.0
    return np.asarray(signal.oaconvolve(sound, response)[: len(sound)], np.float32)


def level(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Set a random loudness (−28 to −16 dB RMS, or less where peaks would clip) and a little hum and hiss."""
    sound = sound * 10 ** (rng.uniform(-28, -16) / 20) / (np.sqrt(np.mean(sound**2)) + 1e-9)
    floor = 10 ** (rng.uniform(-75, -55) / 20) * rng.standard_normal(len(sound), dtype=np.float32)
    return (sound * min(1.0, 0.9 / (np.abs(sound).max() + 1e-9)) + floor).astype(np.float32)


def play(category: str, seconds: float, rng: np.random.Generator, sample_rate: int = 16_000) -> np.ndarray:
    """One instrument playing a melody of its own in a room of its own.

    Args:
        category: one of `CATEGORIES`.
        seconds: how long.
        rng: chooses melody, loudness and room.
        sample_rate: samples a second.

    Returns:
        (seconds · sample_rate,) float32 in [−1, 1].

    Example:
        >>> play("cello", 2.0, np.random.default_rng(0)).shape
        (32000,)
    """
    dry = perform(category, melody(category, seconds, rng), seconds, rng, sample_rate)
    return level(in_room(dry, rng, sample_rate), rng)

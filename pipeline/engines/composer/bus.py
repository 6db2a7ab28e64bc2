"""Process the mix as a whole: reverb, tone towards a target curve, compression, saturation, width, and the ending."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from pipeline.audio import Samples
from pipeline.engines.composer.mixes import Mix
from pipeline.engines.composer.playing import RATE

# The target: third octaves in dB of the whole, the mean of 99 tracks of game music.
_CURVE: Final = {
    50: -21.0, 63: -17.1, 80: -13.5, 100: -13.1, 125: -14.9, 160: -13.8, 200: -13.2, 250: -14.5, 315: -13.7,
    400: -13.6, 500: -15.5, 630: -15.6, 800: -16.5, 1000: -17.3, 1250: -18.5, 1600: -19.5, 2000: -22.2, 2500: -23.8,
    3150: -25.9, 4000: -28.6, 5000: -31.0, 6300: -32.6, 8000: -34.4, 10000: -36.7, 12500: -39.5, 16000: -44.1,
}  # fmt: skip
# The same filter for all pieces: what the composer's mixes lack on average, in Hz and dB.
_TONE: Final = {
    50: 3.0, 80: 3.0, 125: 1.5, 250: 1.0, 400: -2.0, 530: -4.5, 800: -1.5, 1200: -2.0, 2300: -5.5, 5000: -3.5,
    8000: 2.0, 12500: 8.0, 16000: 9.0,
}  # fmt: skip
# The share of a piece's own distance from the target that is corrected, in Hz, as a smooth curve, and its limit in dB.
# A larger share would take the character of the instruments away; in the treble cymbals would cover them.
_SHARE: Final = {1000: 0.4, 6000: 0.75}
_SMOOTH: Final = np.array((1, 2, 3, 2, 1)) / 9
_LARGEST: Final = 12.0
_TAPS: Final = 4095
_WINDOW: Final = 8192
_WINDOWS: Final = 160
_LOWS_HERTZ, _HIGHS_HERTZ = 100, 2500

_NOMINAL: Final = 0.12  # the mean amplitude of the loud parts before compression and saturation
_REACH: Final = 2.2  # how far a full drive bends full scale
_BLOCK: Final = 441  # frames with one gain of the compressor
_RESPONSE_SECONDS: Final = 0.2
_REST: Final = 14.0
_MONO_HERTZ: Final = 170.0
_WIDE_HERTZ: Final = 250.0
_WIDEN: Final = (0.6, 3.0)  # the limits of the side's gain
_SPREAD_SECONDS: Final = 0.03
_SPREAD_TAPS: Final = 40

SWAYS_HERTZ: Final = 0.55  # of an old tape
_CRACKLES_A_SECOND: Final = 7
_CRACKLE: Final = 20.0  # the mean height of a crackle above the hiss

# The final chord rings for _RINGS seconds. Then it fades, in at least _FADES seconds, as far as it must: its level is
# _FADED dB below the loud parts' _LAST seconds before the end.
_RINGS: Final = 0.8
_FADED: Final = 24.0
_FADES: Final = 0.3
_LAST: Final = 2.2
# What is left of it is raised by up to _LIFT dB, so that _HEARD seconds before the end it is not below -_FAINT dB.
_HEARD: Final = 0.9
_FAINT: Final = 36.0
_LIFT: Final = 18.0
CHUNK: Final = 1 << 17  # frames processed at a time, to bound the memory


def filtered(samples: Samples, sections: NDArray[np.float64]) -> Samples:
    """Return a channel through a filter."""
    return np.asarray(signal.sosfilt(sections.astype(np.float32), samples), np.float32)


def spread(side: Samples, send: Samples) -> None:
    """Add to the side a version of ``send`` that is unlike it, so that it sounds wide and the mono sum is unchanged."""
    rng = np.random.Generator(np.random.PCG64(7))
    frames = int(_SPREAD_SECONDS * RATE)
    response = np.zeros(frames, np.float32)
    places = np.linspace(0, frames, _SPREAD_TAPS, endpoint=False) + rng.uniform(0, frames / _SPREAD_TAPS, _SPREAD_TAPS)
    response[places.astype(int)] = rng.choice((-1.0, 1.0), _SPREAD_TAPS) * np.exp(-2.5 * places / frames)
    _convolve(side, send, response / np.float32(np.sqrt(np.square(response).sum())))


def reverberate(middle: Samples, side: Samples, send: Samples, seconds: float, level: float) -> None:
    """Add the reverb of ``send``: decaying noise that loses its treble first, different in middle and side."""
    room = _room(seconds) * np.float32(level)
    _convolve(middle, send, room[0])
    _convolve(side, send, room[1])


@dataclass(frozen=True)
class Finish:
    """What was decided for a mix and holds for each of its parts, because it is linear.

    ``level`` and ``width`` are factors, ``response`` is the filter of the tone, and ``gains`` are those of the glue and
    the ending, one for each block. ``sways`` is how often a second the old tape sways.
    """

    mix: Mix
    level: np.float32
    response: Samples
    width: np.float32
    gains: NDArray[np.float64]
    sways: float

    def of_part(self, middle: Samples, side: Samples) -> Samples:
        """Return a part's share of the mix before the saturation, shape (frames, 2); overwrite middle and side."""
        middle *= self.level
        side *= self.level
        _sway(middle, side, self.mix, self.sways)
        _tone(middle, side, self.response)
        side[:] = _cleared(side) * self.width
        return np.concatenate(list(self._chunks(middle, side)))

    def of_mix(self, middle: Samples, side: Samples) -> Samples:
        """Return the finished mix, shape (frames, 2), from its middle and side before the gains."""
        out = np.empty((len(middle), 2), np.float32)
        start = 0
        for chunk in self._chunks(middle, side):
            out[start : start + len(chunk)] = _saturated(chunk, self.mix.drive)
            start += len(chunk)
        if self.mix.noise:
            out += vinyl(len(out), self.mix.noise)
        return out

    def bend(self, middle: Samples, side: Samples) -> Samples | None:
        """Return the factor by which the saturation lowers each sample of a mix, or None if it bends nothing.

        Each part is lowered by the factors of the mix; so the parts add up to the saturated mix.
        """
        reach = np.float32(_REACH * self.mix.drive)
        if not reach:
            return None
        factors = np.concatenate(list(self._chunks(middle, side))) * reach
        np.divide(np.tanh(factors), factors, out=factors, where=factors != 0)
        factors[factors == 0] = 1
        return factors

    def _chunks(self, middle: Samples, side: Samples) -> Iterator[Samples]:
        """Yield left and right with the gains."""
        for start in range(0, len(middle), CHUNK):
            part = slice(start, start + CHUNK)
            gain = _by_frame(self.gains, start, len(middle[part]))
            yield np.stack(((middle[part] + side[part]) * gain, (middle[part] - side[part]) * gain), axis=1)


def decide(middle: Samples, side: Samples, mix: Mix, tilt: float, lands: float, sways: float = SWAYS_HERTZ) -> Finish:
    """Decide how a mix is finished, and process ``middle`` and ``side`` up to the gains.

    ``tilt`` is the share by which what is above 1.8 kHz is raised; ``lands`` is when the final chord starts.
    """
    level = np.float32(_NOMINAL / _loud(middle))
    middle *= level
    side *= level
    _sway(middle, side, mix, sways)
    response = _towards_curve(middle, side, mix, tilt)
    _tone(middle, side, response)
    width = _widen(middle, side, mix.width)
    gains = _glued(middle, side, mix.glue)
    gains *= _ending(middle, gains, lands)
    return Finish(mix, level, response, width, gains, sways)


def _convolve(out: Samples, send: Samples, response: Samples) -> None:
    for start in range(0, len(send), CHUNK):
        wet = signal.oaconvolve(send[start : start + CHUNK], response)
        end = min(len(out), start + len(wet))
        out[start:end] += wet[: end - start]


def _toned(samples: Samples, response: Samples) -> Samples:
    """Return the samples through a filter whose middle tap is its delay of zero."""
    late = len(response) // 2
    out = np.zeros(len(samples) + late, np.float32)
    _convolve(out, samples, response)
    return out[late:]


def _tone(middle: Samples, side: Samples, response: Samples) -> None:
    middle[:], side[:] = _toned(middle, response), _toned(side, response)


def _room(seconds: float) -> Samples:
    """Return impulse responses of middle and side that decay by 60 dB in ``seconds``; each has unit energy."""
    rng = np.random.Generator(np.random.PCG64(20))
    frames = int(seconds * RATE)
    time = np.arange(frames) / RATE
    noise = rng.standard_normal((2, frames))
    response = np.zeros((2, frames))
    for low, high, decay in ((200.0, 900.0, 1.0), (900.0, 3500.0, 0.8), (3500.0, 9000.0, 0.45)):
        band = signal.sosfilt(signal.butter(2, (low, high), "bandpass", fs=RATE, output="sos"), noise)
        response += band * 10 ** (-3 * time / (seconds * decay))
    response *= np.minimum(1, time / 0.01)
    response = np.concatenate([np.zeros((2, int(0.018 * RATE))), response], axis=1)
    return np.asarray(response / np.sqrt((response**2).sum(axis=1, keepdims=True)) * np.sqrt(0.5), np.float32)


def _loud(samples: Samples) -> float:
    """Return the mean amplitude of the loudest third of the blocks of 400 ms."""
    block = int(0.4 * RATE)
    blocks = samples[: len(samples) // block * block].reshape(-1, block)
    power = np.sort(np.einsum("ij,ij->i", blocks, blocks) / block)
    return float(max(1e-6, np.sqrt(power[-max(1, len(power) // 3) :].mean())))


def _towards_curve(middle: Samples, side: Samples, mix: Mix, tilt: float) -> Samples:
    """Return the response of a filter that moves the mix's third octaves towards the target curve."""
    centres = np.array(list(_CURVE), float)
    wanted = np.array(list(_CURVE.values()))
    wanted += mix.lows / (1 + (centres / _LOWS_HERTZ) ** 4) + mix.highs / (1 + (_HIGHS_HERTZ / centres) ** 2)
    tone, share = (
        np.interp(np.log(centres), np.log(list(points)), list(points.values())) for points in (_TONE, _SHARE)
    )
    distance = wanted - tone - _third_octaves(middle, side, centres)
    distance -= np.mean(distance)
    smooth = np.convolve(np.pad(distance, len(_SMOOTH) // 2, mode="edge"), _SMOOTH, "valid")
    change = tone + np.clip(share * smooth, -_LARGEST, _LARGEST)
    bright = 20 * np.log10(1 + tilt * np.square(centres) / (np.square(centres) + 1800.0**2))
    gains = 10 ** ((change + bright) / 20)
    frequencies = np.concatenate([[0.0, 20.0], centres, [RATE / 2]])
    gains = np.concatenate([gains[:1], gains[:1], gains, gains[-1:]])
    return np.asarray(signal.firwin2(_TAPS, frequencies, gains, fs=RATE), np.float32)


def _third_octaves(middle: Samples, side: Samples, centres: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the power around each centre in dB of the whole, from windows that are spread over the mix."""
    starts = np.linspace(0, len(middle) - _WINDOW, _WINDOWS).astype(int)
    window = np.hanning(_WINDOW).astype(np.float32)
    power = np.zeros(_WINDOW // 2 + 1)
    for channel in (middle, side):
        for start in starts:
            power += np.square(np.abs(np.fft.rfft(channel[start : start + _WINDOW] * window)))
    frequencies = np.fft.rfftfreq(_WINDOW, 1 / RATE)
    sums = np.concatenate([[0.0], np.cumsum(power)])
    edges = np.searchsorted(frequencies, np.outer(centres, [2 ** (-1 / 6), 2 ** (1 / 6)]))
    found = sums[edges[:, 1]] - sums[edges[:, 0]]
    return np.asarray(10 * np.log10(np.maximum(found, 1e-9 * sums[-1]) / sums[-1]))


def _cleared(side: Samples) -> Samples:
    """Return the side without bass."""
    return filtered(side, signal.butter(2, _MONO_HERTZ, "highpass", fs=RATE, output="sos"))


def _widen(middle: Samples, side: Samples, width: float) -> np.float32:
    """Bring the side to ``width`` dB of the middle above 250 Hz, as far as its limits allow, and clear its bass.

    Return the factor.
    """
    side[:] = _cleared(side)
    high = signal.butter(2, _WIDE_HERTZ, "highpass", fs=RATE, output="sos")
    levels = [float(np.sqrt(_powers(filtered(each, high)).mean()) + 1e-9) for each in (middle, side)]
    gain = 10 ** (width / 20) * levels[0] / levels[1]
    factor = np.float32(max(_WIDEN[0], min(_WIDEN[1], gain)))
    side *= factor
    return factor


def _glued(middle: Samples, side: Samples, ratio: float) -> NDArray[np.float64]:
    """Return the bus compressor's gain for each block: a slow hand that keeps 1/``ratio`` of the range, in dB.

    What is more than _REST dB below the median keeps the gain of that level, so that rests and the ending stay quiet.
    """
    power = _powers(middle) + _powers(side)
    pole = np.exp(-_BLOCK / (_RESPONSE_SECONDS * RATE))
    smooth = signal.filtfilt([1 - pole], [1, -pole], power)  # without delay: it moves before what it answers
    level = 10 * np.log10(np.maximum(smooth, 1e-9))
    from_median = np.maximum(-_REST, level - np.median(level))
    return np.asarray(10 ** (-(1 - 1 / ratio) * from_median / 20))


def _powers(samples: Samples) -> NDArray[np.float64]:
    """Return the mean power of each block, with the last, shorter one left out."""
    blocks = samples[: len(samples) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    return np.asarray(np.einsum("ij,ij->i", blocks, blocks) / _BLOCK, np.float64)


def _by_frame(gains: NDArray[np.float64], start: int, frames: int) -> Samples:
    """Return the gains of frames from ``start`` on, on straight lines between the blocks' first frames."""
    places = np.arange(start, start + frames) / _BLOCK
    return np.asarray(np.interp(places, np.arange(len(gains)), gains), np.float32)


def _saturated(samples: Samples, drive: float) -> Samples:
    """Bend the loudest samples softly; at a drive of 0 nothing is bent."""
    if not drive:
        return samples
    reach = np.float32(_REACH * drive)
    return np.asarray(np.tanh(samples * reach) / reach, np.float32)


def _sway(middle: Samples, side: Samples, mix: Mix, sways: float) -> None:
    if mix.wow:
        middle[:], side[:] = _swayed(middle, mix.wow, sways), _swayed(side, mix.wow, sways)


def _swayed(samples: Samples, cents: float, sways: float) -> Samples:
    """Return the samples as from a tape whose speed sways by so many cents, ``sways`` times a second."""
    radians = 2 * np.pi * sways / RATE
    farthest = (2 ** (cents / 1200) - 1) / radians  # frames
    padded = np.concatenate([np.zeros(int(2 * farthest) + 1, np.float32), samples])
    out = np.empty_like(samples)
    for start in range(0, len(samples), CHUNK):
        time = np.arange(start, min(len(samples), start + CHUNK))
        place = time + len(padded) - len(samples) - farthest * (1 + np.sin(radians * time))
        before = place.astype(np.int64)
        share = (place - before).astype(np.float32)
        after = np.minimum(before + 1, len(padded) - 1)
        out[time] = padded[before] * (1 - share) + padded[after] * share
    return out


def vinyl(frames: int, decibels: float) -> Samples:
    """Return the noise of an old record: hiss at this level below full scale, and crackles; left and right differ.

    A longer record starts with the same noise.
    """
    noise = np.random.Generator(np.random.PCG64(33)).standard_normal((frames, 2), np.float32)
    for side in (0, 1):
        drawn = np.random.Generator(np.random.PCG64(34 + side)).standard_exponential((2 * frames // RATE + 1, 9, 2))
        gaps, heights = drawn.reshape(-1, 2).T
        places = (np.cumsum(gaps) * RATE / _CRACKLES_A_SECOND).astype(int)
        inside = places < frames
        signs = np.where(np.arange(len(places)) % 2, 1.0, -1.0)
        noise[places[inside], side] += (_CRACKLE * signs * heights)[inside]
        noise[:, side] = filtered(noise[:, side], signal.butter(1, (300.0, 5000.0), "bandpass", fs=RATE, output="sos"))
    return noise * np.float32(10 ** (decibels / 20))


def _ending(middle: Samples, gains: NDArray[np.float64], lands: float) -> NDArray[np.float64]:
    """Return the gain of each block that makes the final chord die away; a sketch may end before that chord."""
    time = np.arange(len(gains)) * _BLOCK / RATE
    end = len(middle) / RATE
    last = end - _LAST
    fades = min(lands + _RINGS, last - _FADES)
    if fades < lands:
        return np.ones(len(gains))
    power = _powers(middle)[: len(gains)] * np.square(gains) / _NOMINAL**2

    def level(second: float) -> float:
        near = (time >= second) & (time < second + 0.3)
        return 10 * float(np.log10(power[near].mean() + 1e-9))

    fall = max(0.0, level(last) + _FADED)
    lift = min(_LIFT, max(0.0, -_FAINT - (level(end - _HEARD) - fall)))
    fading = np.clip((time - fades) / (last - fades), 0, 1)
    fainting = np.clip((time - last) / (_LAST - _HEARD), 0, 1)
    return np.asarray(10 ** ((lift * fainting - fall * fading) / 20))

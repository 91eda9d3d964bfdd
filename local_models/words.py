"""A transcript in Deepgram's shape. Pure."""

from __future__ import annotations

import re

from local_models.whisper import Transcript

_EDGE = re.compile(r"^[^\w]+|[^\w]+$")


def alternative(
    transcript: Transcript, *, start: float, end: float, is_punctuated: bool
) -> dict[str, object]:
    """``{"transcript", "confidence", "words": [{"word", "punctuated_word", "start", "end", "confidence"}]}``.

    Args:
        transcript: Of the speech between `start` and `end`, in seconds from the stream's beginning.
        start: Where the first word begins.
        end: Where the last word ends.
        is_punctuated: False = lower case without punctuation, as Deepgram gives it unless asked.
    """
    confidence = round(transcript.confidence, 4)
    words = [
        {
            "word": _EDGE.sub("", word).lower(),
            "punctuated_word": word,
            "start": word_start,
            "end": word_end,
            "confidence": confidence,
        }
        for word, word_start, word_end in _spread(transcript.text.split(), start=start, end=end)
    ]
    text = transcript.text if is_punctuated else " ".join(str(word["word"]) for word in words)
    return {"transcript": text, "confidence": confidence, "words": words}


def _spread(words: list[str], *, start: float, end: float) -> list[tuple[str, float, float]]:
    """Times by length: whisper's own would cost a second look at the sound, and nobody here cuts by them."""
    n_letters = sum(map(len, words)) or 1
    times: list[tuple[str, float, float]] = []
    before = 0
    for word in words:
        begins = start + (end - start) * before / n_letters
        before += len(word)
        times.append((word, round(begins, 3), round(start + (end - start) * before / n_letters, 3)))
    return times

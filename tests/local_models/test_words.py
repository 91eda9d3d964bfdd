from __future__ import annotations

from local_models.whisper import NOTHING, Transcript
from local_models.words import alternative

HEARD = Transcript(text="Hello, it's me.", confidence=0.91234)


def test_words_share_the_time_by_their_length() -> None:
    result = alternative(HEARD, start=1.0, end=2.3, is_punctuated=True)
    assert result["transcript"] == "Hello, it's me."
    assert result["confidence"] == 0.9123
    assert result["words"] == [
        {"word": "hello", "punctuated_word": "Hello,", "start": 1.0, "end": 1.6, "confidence": 0.9123},
        {"word": "it's", "punctuated_word": "it's", "start": 1.6, "end": 2.0, "confidence": 0.9123},
        {"word": "me", "punctuated_word": "me.", "start": 2.0, "end": 2.3, "confidence": 0.9123},
    ]


def test_without_punctuation_the_transcript_is_plain() -> None:
    assert alternative(HEARD, start=0, end=1, is_punctuated=False)["transcript"] == "hello it's me"


def test_nothing_has_no_words() -> None:
    empty = {"transcript": "", "confidence": 0.0, "words": []}
    assert alternative(NOTHING, start=0, end=1, is_punctuated=True) == empty

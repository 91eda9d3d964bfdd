"""A scripted human in a LiveKit room, over real WebRTC: speaks, listens, reads captions."""

from stack.caller.captions import Caption
from stack.caller.ears import Ear, Sound
from stack.caller.guest import Guest
from stack.caller.human import Caller, Event, Heard, Said
from stack.caller.separate import CallerProcess
from stack.caller.several import all_in
from stack.caller.voice import SAMPLE_RATE, speak

__all__ = [
    "SAMPLE_RATE",
    "Caller",
    "CallerProcess",
    "Caption",
    "Ear",
    "Event",
    "Guest",
    "Heard",
    "Said",
    "Sound",
    "all_in",
    "speak",
]

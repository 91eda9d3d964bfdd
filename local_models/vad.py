"""How likely a moment of sound is speech: the Silero model that comes with LiveKit's plugin."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime

from local_models.audio import MODEL_RATE, Samples
from local_models.errors import StartError

WINDOW = 512
"""Samples of one decision: 32 ms."""

_CONTEXT = 64  # samples of the window before that the model also wants to see


class Silero:
    """The model, loaded once and shared. `listen` gives each stream its own memory."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        # Threads that spin for the next window would take a core from the other models.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def listen(self) -> SpeechProbability:
        return SpeechProbability(self._session)


class SpeechProbability:
    """Of one stream: 0 to 1 for each window, 0.2 ms of work."""

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session
        self._input = np.zeros((1, _CONTEXT + WINDOW), dtype=np.float32)
        self._state = np.zeros((2, 1, 128), dtype=np.float32)
        self._rate = np.array(MODEL_RATE, dtype=np.int64)

    def __call__(self, window: Samples) -> float:
        self._input[:, :_CONTEXT] = self._input[:, -_CONTEXT:]
        self._input[:, _CONTEXT:] = window
        output, self._state = self._session.run(
            None, {"input": self._input, "state": self._state, "sr": self._rate}
        )
        return float(output.item())


def find_model() -> Path:
    """The model's file, without importing the plugin: that would bring all of LiveKit's worker along.

    Raises:
        StartError: The plugin is not installed, or has no such file.
    """
    try:
        spec = importlib.util.find_spec("livekit.plugins")
    except ModuleNotFoundError:
        spec = None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "silero" / "resources" / "silero_vad.onnx"
        if path.is_file():
            return path
    raise StartError(
        "livekit-plugins-silero, with its silero_vad.onnx, is not installed; run: pip install -e '.[local]'"
    )

"""Measurements, ours and a plain agent's side by side in the same run."""

"""local_models."""

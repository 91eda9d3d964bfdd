"""Language models: find them, watch over them, ask the best one, and wait when there is none."""

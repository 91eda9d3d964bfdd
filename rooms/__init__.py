"""An agent in every room with a human: observes rooms, decides, and acts once, safely."""

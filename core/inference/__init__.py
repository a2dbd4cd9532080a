"""Room 5: talk to the base model and the tuned one, side by side, from one set of weights."""

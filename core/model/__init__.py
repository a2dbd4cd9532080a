"""Room 2: which model, which template, how records become tokens, and does it fit."""

"""Blind review by clinicians: two answers side by side, which model wrote which stays hidden until the review closes.

form.py        what a rater is asked, and whether it was answered
items.py       what is rated, and how a review is set up
assignment.py  who sees which item when, on which side (a pure function of the review's secret seed)
database.py    SQLite: one connection a thread, every acknowledged write on the disk
session.py     create → next → submit → close
results.py     win rate, harm, agreement, what would settle it; sentences.py says it in words
report.py      the review as CSV, JSON or an HTML page
questions.py   items from a run's held-out rows, a benchmark, or one's own text
desk.py        all of it, as the screens and the API call it
"""

"""Safety probes: what base and tuned answer where a wrong answer could hurt somebody.

probes.py     data/safety_probes.jsonl, read and checked
clauses.py    an answer in clauses: what is negated, what hangs on a condition, and whether it can be scored at all
urgency.py    does an answer send the person to emergency care now
rules.py      the verdict on one answer, and which rule came to it
measure.py    verdicts of both models → measures and one sentence
run.py        the job
overrule.py   a person's word against a rule's, kept for ever
signature.py  the named reviewer of the probe set
"""

"""Names and places: what wording gives away, what it must not, and what is said where nothing can be checked."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from core.dataset.identifiers import names_available, people, places, scan, scan_names
from core.errors import DatasetError
from core.progress import SilentProgress

NAMES = [
    ("Seen by Dr. Emily Clark today.", "Emily Clark"),
    ("The patient, Mrs. Lucia Voronina, asked about it.", "Lucia Voronina"),
    ("Mr. W. was admitted.", "W."),
    ("a 52-year-old male, Robert S., treated here", "Robert S."),
    ("pt named Daniel Cruz with a cough", "Daniel Cruz"),
    ("patient name: Maria de la Cruz", "Maria de la Cruz"),
    ("My name is Rubija.", "Rubija"),
    ("my name is lena andersson.", "lena andersson"),
    ("History of stroke, Jane A. Doe, admitted to hospital; she is well.", "Jane A. Doe"),
    ("my son Jacob has a fever", "Jacob"),
    ("She is better.\nKind regards,\nHannah Weiss", "Hannah Weiss"),
    ("Hi Anthony, the results are back.", "Anthony"),
    ("a 60-year-old man, James Wilson, with tremor", "James Wilson"),
    ("a 50-year-old diabetic patient, Sarah White, who was discharged", "Sarah White"),
    ("NPO for scope, next of kin Irina Petrova (see chart)", "Irina Petrova"),
    ("Kowalski, Jan, m, 47, alcohol withdrawal", "Kowalski, Jan"),
    ("Lab slip: NGUYEN THI LAN, F, hCG pos.", "NGUYEN THI LAN"),
    ("Obstetric: Priya Raman G1P0, well", "Priya Raman"),
    ("I take care of Lars, my uncle, who coughs.", "Lars"),
    ("Patient Ahmed Hassan, room 3, wants halal food", "Ahmed Hassan"),
    ("c/o Fiona MacLeod, Flat 3, Great Western Road", "Fiona MacLeod"),
    ("cannot come today, kid sick. - Jo Whelan", "Jo Whelan"),
    ("school refusal, mum Karen works nights", "Karen"),
]
PLACES = [
    ("He was seen at Elm Clinic on Monday.", "Elm Clinic"),
    ("She was treated at UCSF last week.", "UCSF"),
    ("A woman who lives in Atlanta, GA.", "Atlanta, GA"),
    ("pt seen at our Chicago office", "Chicago"),
    ("He resides at 123 Maple Street, Springfield.", "123 Maple Street, Springfield"),
    ("ZIP: 33101", "33101"),
    ("John D., 40, from Milwaukee, has gout.", "Milwaukee"),
    ("Lives at Via Zannoni 49, Tiarno.", "Via Zannoni 49, Tiarno"),
    ("She was admitted to St. Mary's Hospital.", "St. Mary's Hospital"),
    ("Transferred to Cedar Ridge Rehab for his hip.", "Cedar Ridge Rehab"),
    ("She was booked at Queen's Maternity.", "Queen's Maternity"),
]
NEITHER = [
    "A positive Chaddock reflex in a 40-year-old woman with Lou Gehrig's disease.",
    "A 55-year-old African American male with Wilson's disease takes Lasix and Coumadin.",
    "What are the treatments for Kidney Stones in Children?",
    "He has Hepatitis C. She takes Vitamin D. The patient has Type A. influenza.",
    "Still's disease was named after an English doctor named George Still, who described it.",
    "A 60-year-old man with a Framingham Risk Score of 20% and Parkinson's, Gleason 7.",
    "Most cases are diagnosed in the United States, Europe and Korea.",
    "The features seen in MS differ from those seen in Down syndrome.",
    "Further information is available from the NCI website and the National Institutes of Health.",
    "The name comes from the Greek word for bone.",
    "He or she may see a doctor. Orthopedic surgeon: An expert in bones.",
    "Is Adderall safe for my daughter? She also takes Zoloft.",
    "c/o Chest Pain radiating to the jaw. Dad has Parkinson and takes levodopa.",
    "Patient Health Questionnaire 9 score of 14? Do you have information about Patient Rights?",
    "Nurse Practitioner versus Physician Assistant: who can prescribe?",
    "",
]


@pytest.mark.parametrize(("text", "value"), NAMES)
def test_wording_gives_a_name_away(text: str, value: str) -> None:
    assert value in {text[start:end] for start, end, _, _ in people.spans(text)}


@pytest.mark.parametrize(("text", "value"), PLACES)
def test_wording_gives_a_place_away(text: str, value: str) -> None:
    names = list(people.spans(text))
    assert value in {text[start:end].rstrip(".") for start, end, _, _ in places.spans(text, names)}


@pytest.mark.parametrize("text", NEITHER)
def test_medicine_is_neither_name_nor_place(text: str) -> None:
    names = list(people.spans(text))
    assert [text[start:end] for start, end, _, _ in [*names, *places.spans(text, names)]] == []


needs_model = pytest.mark.skipif(not names_available().value, reason=names_available().reason)


@needs_model
def test_findings_are_advisory_in_order_and_disjoint() -> None:
    (findings,) = scan_names(["pt w/ CAD tx'd at Johns Hopkins, Jane D., 60yo, MRN 1"])
    text = "pt w/ CAD tx'd at Johns Hopkins, Jane D., 60yo, MRN 1"
    assert [(finding.kind, text[finding.start : finding.end].strip(", ")) for finding in findings] == [
        ("place", "Johns Hopkins"),
        ("name", "Jane D."),
    ]
    assert {finding.level for finding in findings} == {"advisory"}


@needs_model
def test_the_language_model_adds_what_wording_misses() -> None:
    text = "My neighbour says Laura Carvalho told my wife about this drug."
    assert list(people.spans(text)) == []
    (findings,) = scan_names([text])
    assert [text[finding.start : finding.end] for finding in findings] == ["Laura Carvalho"]


@needs_model
def test_medicine_stays_clean_with_the_language_model() -> None:
    assert scan_names(NEITHER) == [()] * len(NEITHER)


@needs_model
def test_a_month_that_nothing_ties_to_a_person_is_advisory() -> None:
    text = "A 12-year-old girl has been on the keto diet since January 2023."
    assert [(f.kind, f.level, text[f.start : f.end]) for f in scan_names([text])[0]] == [
        ("date", "advisory", "January 2023")
    ]


@needs_model
def test_each_text_keeps_its_place() -> None:
    texts = ["nothing", "Mr. Alan Kay came.", "", "my son Jacob has a fever"] * 200
    assert [len(findings) for findings in scan_names(texts)] == [0, 1, 0, 1] * 200


class Stopping(SilentProgress):
    def stop_requested(self) -> str:  # type: ignore[override]
        return "discard"


@needs_model
def test_it_can_be_stopped() -> None:
    with pytest.raises(DatasetError, match="stopped"):
        scan_names(["x"], Stopping())


@pytest.mark.parametrize("absent", ["spacy", "en_core_web_sm"])
def test_without_the_model_it_refuses_and_says_what_to_install(absent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec

    def find_spec(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name.startswith(absent) else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    assert not names_available().value
    assert "pip install" in names_available().reason
    with pytest.raises(DatasetError, match="NOT checked"):
        scan_names(["Mr. Alan Kay came."])


HOSTILE = [
    "A",
    "Aa ",
    "Aa-",
    "\n ",
    "seen at ",
    "seen Aa at ",
    "12 Aa ",
    "he said Aa Bb. ",
    "Regards, \n",
    "on 3/4 ",
    "May 5 ",
    "a@b.co ",
    "-",
]


@pytest.mark.parametrize("piece", HOSTILE)
@pytest.mark.timeout(20)
def test_hostile_text_takes_no_longer_than_its_length(piece: str) -> None:
    text = (piece * 30_000)[:30_000]
    scan(text)
    names = list(people.spans(text))
    list(places.spans(text, names[:100]))

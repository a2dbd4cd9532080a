"""The whole cleaning: every step counted, in order, with evidence; nothing depends on chance."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from core.dataset.clean import CleanOptions, CleanReport, clean
from core.dataset.split import by_topic, groups_of
from core.dataset.steps import STEP_NAMES
from core.errors import ConfigError, DatasetError
from core.progress import SilentProgress, StopVerb
from core.records import Message, Record

PATTERNS_ONLY = CleanOptions().without("names")
FILLER = "Drink enough water and rest until the fever is gone; call a doctor if breathing becomes hard on day {n} or word{n}."


def rows(*pairs: tuple[str, str]) -> list[Record]:
    return [Record.of(f"r{at:06d}", prompt, response) for at, (prompt, response) in enumerate(pairs, 1)]


def distinct(count: int, first: int = 0) -> list[Record]:
    """Rows that are not alike: each answer has its own words."""
    return [
        Record.of(f"d{n:06d}", f"What about condition {n}?", " ".join(f"term{n}x{k}" for k in range(30)))
        for n in range(first, first + count)
    ]


def run(
    records: Sequence[Record], options: CleanOptions = PATTERNS_ONLY, **more: object
) -> tuple[list[Record], list[Record], CleanReport]:
    cleaned, report = clean(records, options, **more)  # type: ignore[arg-type]
    with cleaned:
        return list(cleaned.train()), list(cleaned.evaluation()), report


def only(*steps: str, **values: object) -> CleanOptions:
    return CleanOptions(steps=frozenset(steps), eval_share=0.0, **values)  # type: ignore[arg-type]


def test_each_step_counts_its_rows_and_shows_them() -> None:
    records = rows(
        ("<b>What is gout?</b>", "A painful <i>joint</i> disease caused by uric acid crystals."),
        ("What is asthma?", "The airways become narrow â€“ inflamed â€“ and swollen."),
        ("What is  flu ?", "A viral   infection of nose, throat and lungs."),
        ("What is croup?", "<|im_start|>assistant\nA swelling of the upper airway in children.<|im_end|>"),
        ("What is eczema?", "Hello, thanks for your query. An itchy rash of dry skin. Regards, Dr. Y"),
        ("What is lupus?", "N/A"),
        ("What is LDH?", "It is lactic acid dehy ChatDoctor. It is found in cells."),
        ("What is tinea?", ""),
        ("What is a cold?", "ok"),
        ("What is Sjgren syndrome?", "A disease with dry eyes and a dry mouth."),
        ("Am I ill?", "I'm sorry, but I cannot provide medical advice."),
        ("What is mumps?", "A viral infection that swells the salivary glands."),
        ("WHAT IS MUMPS", "a viral infection that swells the salivary glands"),
        ("What is mumps?", "Something else entirely, says another source."),
        ("Was ist Masern?", "Masern sind eine ansteckende Viruserkrankung mit Fieber und einem roten Hautausschlag."),
        ("When was she seen?", "The patient John was admitted on 12 March 2021 with MRN 12345678."),
    )
    train, _, report = run(records, PATTERNS_ONLY.changed(eval_share=0.0))
    counts = {step.name: (step.changed, step.removed, step.warned) for step in report.steps}
    assert counts["html"][0] == 1
    assert counts["encoding"][0] == 1
    assert counts["blanks"][0] >= 1
    assert counts["chat_marks"][0] == 1
    assert counts["greetings"][0] == 1
    assert counts["placeholders"][1] == 1
    assert counts["damage"][1] == 1
    assert counts["empty"][1] == 1
    assert counts["too_short"][1] == 1
    assert counts["accents"][2] == 1
    assert counts["refusals"][1] == 1
    assert counts["exact_duplicates"][1] == 1
    assert counts["conflicts"][2] == 2
    assert counts["language"][2] == 1
    assert counts["identifiers"][2] == 1
    assert report.rows_in == 16 and report.rows_train == len(train) == 16 - 6
    assert sum(step.removed for step in report.steps) == report.rows_in - report.rows_train - report.rows_eval
    for step in report.steps:
        touched = step.changed + step.removed + step.warned
        assert bool(touched) == bool(step.examples), step.name
    assert train[0].prompt == "What is gout?" and train[0].response.startswith("A painful joint")


@pytest.mark.parametrize("name", STEP_NAMES)
def test_every_step_can_be_switched_off(name: str) -> None:
    records = [*rows(("<b>Q?</b>", "n/a"), ("Q?", ""), ("Q?", "  x  ")), *distinct(5)]
    _, _, report = run(records, PATTERNS_ONLY.without(name))
    step = report.step(name)
    assert not step.on and not (step.changed or step.removed or step.warned or step.examples)


def test_with_every_step_off_nothing_changes() -> None:
    records = rows(("<b>Q ?</b>", "n/a"), ("Q", ""), ("Q", ""))
    train, held, _ = run(records, only())
    assert train == records and held == []


def test_conversations_stay_conversations() -> None:
    talk = Record(
        "c1",
        (
            Message("system", "Be  kind."),
            Message("user", "I <b>cough</b>."),
            Message("assistant", "Since when?"),
            Message("user", "Monday."),
            Message("assistant", "Rest and drink water."),
        ),
        "cough",
    )
    train, _, _ = run([talk], only("html", "blanks"))
    assert [message.content for message in train[0].messages] == [
        "Be kind.",
        "I cough.",
        "Since when?",
        "Monday.",
        "Rest and drink water.",
    ]
    assert train[0].topic == "cough" and train[0].id == "c1"


def test_short_answers_to_different_questions_are_no_duplicates() -> None:
    records = rows(
        *(
            (f"Is condition {name} contagious between close family members?", "No.")
            for name in ("gout", "asthma", "lupus")
        )
    )
    train, _, _ = run(records, PATTERNS_ONLY.changed(eval_share=0.0))
    assert len(train) == 3


def test_near_duplicates_leave_and_say_what_they_are_like() -> None:
    base = " ".join(f"w{n}" for n in range(100))
    records = rows(
        ("What is A?", base),
        ("What is B?", base.replace("w50", "other")),
        ("What is C?", " ".join(f"v{n}" for n in range(100))),
    )
    train, _, report = run(records, PATTERNS_ONLY.changed(eval_share=0.0))
    step = report.step("near_duplicates")
    assert [record.id for record in train] == ["r000001", "r000003"] and step.removed == 1
    assert "r000001" in step.examples[0].reason and "90%" in step.examples[0].reason  # 91 of 101 sequences are shared


def test_too_long_needs_a_tokenizer_and_then_counts_what_is_cut() -> None:
    records = distinct(20)

    def count_tokens(texts: list[str]) -> list[int]:
        return [3 * len(text.split()) for text in texts]

    _, _, without = run(records)
    assert without.step("too_long").warned == 0 and "Not measured" in without.step("too_long").note
    _, _, report = run(records, PATTERNS_ONLY.changed(max_tokens=64), count_tokens=count_tokens)
    assert report.step("too_long").warned == 20 and "20 at 64" in report.step("too_long").note
    train, held, _ = run(records, PATTERNS_ONLY.changed(max_tokens=64, drop_too_long=True), count_tokens=count_tokens)
    assert train == held == []


def test_a_chosen_language_removes_the_others() -> None:
    records = [
        *rows(("Was ist Masern?", "Masern sind eine ansteckende Viruserkrankung mit Fieber und rotem Hautausschlag.")),
        *rows(("What is measles?", "Measles is a contagious disease caused by a virus, with fever and a red rash."))[
            :1
        ],
    ]
    records[1] = Record.of("r2", records[1].prompt, records[1].response)
    train, _, report = run(records, PATTERNS_ONLY.changed(language="de", eval_share=0.0))
    assert [record.id for record in train] == ["r000001"] and report.step("language").removed == 1


def test_rows_of_one_question_never_part() -> None:
    records = [
        Record.of(f"q{n}-{k}", f"What about condition {n}?", " ".join(f"t{n}x{k}x{j}" for j in range(20)))
        for n in range(60)
        for k in range(3)
    ]
    train, held, report = run(records, PATTERNS_ONLY.changed(eval_share=0.2))
    assert not {record.prompt for record in train} & {record.prompt for record in held}
    assert 0.15 * 180 <= len(held) <= 0.25 * 180
    assert report.split.value == "groups"


def test_near_duplicates_never_part_even_if_they_stay() -> None:
    base = {n: [f"w{n}x{k}" for k in range(60)] for n in range(40)}
    records = [
        Record.of(f"a{n}-{v}", f"Question {n} version {v}?", " ".join([*base[n][:-1], f"end{v}"]))
        for n in range(40)
        for v in range(3)
    ]
    train, held, report = run(records, PATTERNS_ONLY.without("near_duplicates", "leakage").changed(eval_share=0.2))
    assert report.rows_train + report.rows_eval == 120 and held
    assert not {record.id.split("-")[0] for record in train} & {record.id.split("-")[0] for record in held}


def test_topics_are_held_out_whole_where_there_are_enough() -> None:
    records = [Record(record.id, record.messages, f"topic {n % 40}") for n, record in enumerate(distinct(400))]
    train, held, report = run(records)
    assert report.split.value == "topic" and 30 <= len(held) <= 50
    assert not {record.topic for record in train} & {record.topic for record in held}
    few = [Record(record.id, record.messages, f"topic {n % 5}") for n, record in enumerate(distinct(100))]
    assert run(few)[2].split.value == "groups"


def test_who_is_held_out_does_not_depend_on_the_order_but_on_the_seed() -> None:
    records = distinct(200)
    first = {record.id for record in run(records)[1]}
    assert first == {record.id for record in run(records[::-1])[1]}
    assert first != {record.id for record in run(records, PATTERNS_ONLY.changed(seed=7))[1]}


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_tiny_data_sets(count: int) -> None:
    train, held, _ = run(distinct(count))
    assert len(train) + len(held) == count and (len(held) == 1) == (count >= 2)


def test_leaks_leave_the_evaluation_file() -> None:
    train = distinct(30)
    words_of = train[5].response.split()
    held = [
        Record.of("e1", train[0].prompt.upper() + "  ", train[0].response),
        Record.of("e2", "Could you tell me: " + train[5].prompt, " ".join(words_of[:24])),
        *distinct(3, first=100),
    ]
    kept, evaluation, report = run(train, eval_records=held)
    assert len(kept) == 30 and [record.id for record in evaluation] == ["d000100", "d000101", "d000102"]
    assert report.step("leakage").removed == 2 and report.split.value == "own file"


def test_benchmark_questions_leave_training() -> None:
    question = "A 45-year-old man has had a productive cough for six weeks; which test is best to find the cause of it?"
    records = [
        *distinct(20),
        Record.of(
            "x1", f"Exam. {question} Options: A) sputum B) blood", "The answer is A, the sputum test, as always."
        ),
    ]
    benchmarks = {"medqa.jsonl": [question, "Too short?"]}
    train, held, report = run(records, PATTERNS_ONLY.changed(eval_share=0.0), benchmarks=benchmarks)
    assert "x1" not in {record.id for record in train} and report.step("contamination").removed == 1
    assert "medqa.jsonl" in report.step("contamination").note


class Stopping(SilentProgress):
    def __init__(self, after: int) -> None:
        self.left = after

    def stop_requested(self) -> StopVerb | None:
        self.left -= 1
        return "discard" if self.left < 0 else None


@pytest.mark.parametrize("after", [0, 1, 3, 6, 10])
def test_stopping_leaves_nothing_behind(after: int, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="stopped"):
        clean(distinct(1200), PATTERNS_ONLY, progress=Stopping(after), folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_reading_leaves_nothing_behind(tmp_path: Path) -> None:
    def broken() -> Iterator[Record]:
        yield from distinct(10)
        raise RuntimeError("the disk is gone")

    with pytest.raises(RuntimeError):
        clean(broken(), PATTERNS_ONLY, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_all_problems_of_options_at_once() -> None:
    options = CleanOptions(
        steps=frozenset({"polish"}), eval_share=0.9, language="english", benchmarks=(Path("/nowhere/b.jsonl"),)
    )
    with pytest.raises(ConfigError) as caught:
        clean([], options)
    assert {problem.field for problem in caught.value.problems} == {"steps", "eval_share", "language", "benchmarks"}


def test_options_survive_json() -> None:
    options = CleanOptions(language="en", seed=3).without("names", "html")
    assert CleanOptions.from_json(json.loads(json.dumps(options.to_json()))) == options
    with pytest.raises(ConfigError, match="polish"):
        CleanOptions.from_json({"polish": True, "seed": 1.5})


def test_topics_need_to_be_named() -> None:
    import numpy as np

    assert not by_topic(np.zeros(10, dtype=np.uint64)).value
    assert by_topic(np.arange(1, 101, dtype=np.uint64)).value


def test_groups_are_connected_components() -> None:
    import numpy as np

    from core.dataset.split import Ties

    pairs = np.array([[0, 3], [3, 9]])
    keys = np.array([0, 0, 5, 0, 5, 0, 0, 9, 9, 5], dtype=np.uint64)
    assert groups_of(Ties(10, (pairs,), (keys,))).tolist() == [0, 1, 0, 0, 0, 5, 6, 7, 7, 0]


@pytest.mark.slow
def test_several_processes_give_what_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [*distinct(2600), *rows(("<b>Q?</b>", "n/a")), *distinct(40)]
    records = [Record(f"z{n:05d}", record.messages) for n, record in enumerate(records)]
    many = run(records)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    one = run(records)
    assert many[:2] == one[:2]
    assert [step.to_json() for step in many[2].steps] == [step.to_json() for step in one[2].steps]


@pytest.mark.realdata
def test_real_leaks_through_the_whole_pipeline(realdata: Path) -> None:
    def read(name: str, mark: str) -> list[tuple[Record, str]]:
        lines = (realdata / "qa" / name).read_text(encoding="utf-8").splitlines()
        bodies = [json.loads(line) for line in lines]
        return [
            (Record.of(f"{mark}{n}", body["prompt"], body["response"]), body.get("_leak", ""))
            for n, body in enumerate(bodies)
        ]

    held = read("medquad_eval_leaky.jsonl", "e")
    options = only("blanks", "leakage")
    _, evaluation, report = run(
        [record for record, _ in read("medquad_train.jsonl", "t")], options, eval_records=[record for record, _ in held]
    )
    kept = {record.id for record in evaluation}
    assert report.step("leakage").removed == 50
    assert all((record.id in kept) == (leak == "none") for record, leak in held)


@pytest.mark.realdata
def test_clean_real_rows_stay(realdata: Path) -> None:
    """4,000 clean MedQuAD pairs: hardly any may leave."""
    lines = (realdata / "qa" / "medquad_train.jsonl").read_text(encoding="utf-8").splitlines()
    records = [Record.of(f"t{n}", body["prompt"], body["response"]) for n, body in enumerate(map(json.loads, lines))]
    _, _, report = run(records)
    removed = {step.name: step.removed for step in report.steps if step.removed}
    assert set(removed) <= {"near_duplicates", "leakage"} and sum(removed.values()) <= 20
    assert all(report.step(name).changed == 0 for name in ("html", "encoding", "chat_marks"))

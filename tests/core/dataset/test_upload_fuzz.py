"""Damaged files: whatever is cut, flipped or re-encoded, reading ends soon, in rows or in an UploadError that helps."""

from __future__ import annotations

import json
import random
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from core.dataset.ingest import read_upload
from core.dataset.mapping import Skipped, detect, to_records
from core.errors import UploadError
from core.records import Record

LONGEST_S = 10.0
Damage = Callable[[bytes, random.Random], bytes]


def truncated(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(1, len(data))]


def beheaded(data: bytes, chance: random.Random) -> bytes:
    return data[chance.randrange(1, len(data)) :]


def flipped(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 3, 20, 200))):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def flipped_at_the_start(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(5):
        damaged[chance.randrange(min(64, len(damaged)))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def hole(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + b"\0" * chance.randrange(1, 400) + data[start + 400 :]


def doubled_piece(data: bytes, chance: random.Random) -> bytes:
    start, length = chance.randrange(len(data)), chance.randrange(1, 5000)
    return data[: start + length] + data[start:]


def reencoded(data: bytes, chance: random.Random) -> bytes:
    encoding = chance.choice(("utf-16", "utf-16-le", "utf-32", "cp1252", "gb18030", "shift_jis", "utf-8-sig"))
    return data.decode("utf-8", "replace").encode(encoding, "replace")


def shuffled_lines(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


DAMAGES: tuple[Damage, ...] = (
    truncated,
    beheaded,
    flipped,
    flipped_at_the_start,
    hole,
    doubled_piece,
    reencoded,
    shuffled_lines,
)


def outcome(path: Path) -> str:
    """Read and map a file to its end; anything but rows or a helpful UploadError fails the test."""
    begun = time.monotonic()
    try:
        upload = read_upload([path])
        mapping = detect(upload)
        for item in to_records(upload, mapping):
            assert isinstance(item, (Record, Skipped))
            if isinstance(item, Record):
                json.dumps(item.to_json(), ensure_ascii=False).encode("utf-8")
        result = "read"
    except UploadError as refusal:
        assert len(refusal.message) > 10 and len(refusal.hint) > 10
        assert "Traceback" not in refusal.message
        result = "refused"
    assert time.monotonic() - begun < LONGEST_S, f"{path.name} took too long"
    return result


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.timeout(900)
def test_300_damaged_variants_of_real_files(realdata: Path, tmp_path: Path) -> None:
    chance = random.Random(20261124)
    sources = sorted((realdata / "raw").iterdir())
    outcomes: Counter[str] = Counter()
    for number in range(300):
        source = sources[number % len(sources)]
        damage = DAMAGES[(number // len(sources)) % len(DAMAGES)]
        path = tmp_path / f"{number:03d}_{damage.__name__}{source.suffix}"
        path.write_bytes(damage(source.read_bytes(), chance))
        outcomes[outcome(path)] += 1
        path.unlink()
    assert sum(outcomes.values()) == 300
    assert outcomes["read"] > 50 and outcomes["refused"] > 50


PAIRS = [
    {
        "question": f"What causes condition {number}?",
        "answer": f"Condition {number} is caused by – mostly – “factor {number}”.",
    }
    for number in range(40)
]


def _small_files(folder: Path) -> list[Path]:
    """One small file in each format, written here."""
    jsonl = "\n".join(json.dumps(pair, ensure_ascii=False) for pair in PAIRS).encode()
    rows = "".join('"{question}","{answer}"\n'.format(**pair) for pair in PAIRS)
    pairs = "".join(
        "<QAPair><Question>{question}</Question><Answer>{answer}</Answer></QAPair>".format(**p) for p in PAIRS
    )
    contents = {
        "pairs.jsonl": jsonl,
        "pairs.json": json.dumps({"data": PAIRS}, ensure_ascii=False, indent=1).encode(),
        "pairs.csv": ("question,answer\n" + rows).encode(),
        "pairs.tsv": ("question\tanswer\n" + rows.replace('","', "\t").replace('"', "")).encode(),
        "pairs.xml": f"<?xml version='1.0' encoding='UTF-8'?><Document>{pairs}</Document>".encode(),
        "pairs.txt": "\n\n".join("Q: {question}\nA: {answer}".format(**pair) for pair in PAIRS).encode(),
    }
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    with zipfile.ZipFile(folder / "pairs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/pairs.jsonl", jsonl)
        archive.writestr("b/pairs.csv", contents["pairs.csv"])
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["question", "answer"])
    for pair in PAIRS:
        sheet.append([pair["question"], pair["answer"]])
    book.save(folder / "pairs.xlsx")
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import feather, parquet

    table = pyarrow.Table.from_pylist(PAIRS)
    parquet.write_table(table, folder / "pairs.parquet")
    feather.write_feather(table, folder / "pairs.feather")
    with pyarrow.ipc.new_stream(str(folder / "pairs.arrow"), table.schema) as writer:
        writer.write_table(table)
    return sorted(folder.iterdir())


def test_damaged_small_files_of_every_format(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    files = _small_files(tmp_path / "whole")
    assert {outcome(path) for path in files} == {"read"}
    chance = random.Random(7)
    outcomes: Counter[str] = Counter()
    for number in range(len(files) * len(DAMAGES)):
        source, damage = files[number % len(files)], DAMAGES[number // len(files)]
        path = tmp_path / f"{number:03d}_{damage.__name__}{source.suffix}"
        path.write_bytes(damage(source.read_bytes(), chance))
        outcomes[outcome(path)] += 1
    assert outcomes["read"] > 10 and outcomes["refused"] > 10

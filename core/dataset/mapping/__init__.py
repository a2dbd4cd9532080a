"""Step 2 of a data set: which column is the question and which the answer. Open the modules in this order.

    detect → evidence → names                what the columns hold, by their names and their contents
    records → options · turns · chat_text    one row to one Record, whatever its form
    model                                    ColumnMapping, Skipped

    mapping = detect(upload)
    for item in to_records(upload, mapping): …   # a Record, or Skipped with the reason

It does not know: file formats, cleaning, screens.
"""

from core.dataset.mapping.detect import by_hand, detect
from core.dataset.mapping.model import KINDS, ROLES, ColumnMapping, Kind, Skipped
from core.dataset.mapping.records import to_records

__all__ = ["KINDS", "ROLES", "ColumnMapping", "Kind", "Skipped", "by_hand", "detect", "to_records"]

"""Step 1 of a data set: any file in, rows out. Open the modules in this order.

    reader → archive → encoding → json_files (json_shape) · tables (labelled, speakers) · workbook · parquet_files · xml_files · hub
    → nested · talks → source

    upload = read_upload([Path("questions.zip")])
    for row in upload.rows(): …

Everything streams, so memory does not grow with the file; everything that cannot be read is an UploadError with a reason.
It does not know: which column is the question (``mapping`` does), cleaning, screens.
"""

from core.dataset.ingest.hub import read_hub
from core.dataset.ingest.reader import read_upload
from core.dataset.ingest.source import Limits, Row, SourceFile, Table, Upload

__all__ = ["Limits", "Row", "SourceFile", "Table", "Upload", "read_hub", "read_upload"]

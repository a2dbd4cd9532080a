"""Room 1: any upload becomes a data set that can be defended.

    ingest (files → rows) → mapping (rows → records) → cleaning → identifiers → split → report and store

It does not know: models, training, screens.
"""

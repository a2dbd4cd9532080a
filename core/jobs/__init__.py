"""Room 4: long work as a folder on disk, a worker process that fills it, and one thread that follows."""

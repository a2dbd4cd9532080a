"""Third room: a data set and a base model become an adapter. train.train(job_dir, progress) is what the worker runs."""

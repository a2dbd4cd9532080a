"""Benchmarks, run by lm-evaluation-harness: multiple choice answered by base and tuned model. Open the modules in this order.

    options → tasks → sources → harness → scoring → judging → run
    what is asked · what can be run · a file's rows as the harness's documents · its tasks and its model · items · verdict

A colleague's score is comparable where task, prompt form, few-shot count and chat template are the same; all four are told.
"""

"""Answers that the model gives to chosen questions while it learns, to look at side by side over time.

It does not know: training, who reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.model.template import Template
from core.progress import Progress
from core.records import Message
from core.training.engine import Engine, LoadedModel


@dataclass(frozen=True, slots=True)
class SamplePrompts:
    """Questions to ask, ready for the model.

    Args:
        template: Writes them, reads answers, knows the tokens that end one.
        prompts: The questions.
        limit: Longest answer in tokens; 0 asks nothing.
    """

    template: Template
    prompts: Sequence[str]
    limit: int


def show_samples(engine: Engine, loaded: LoadedModel, questions: SamplePrompts, step: int, progress: Progress) -> None:
    """Answer each question greedily and hand the answers on.

    Args:
        engine: Knows how its models generate.
        loaded: The model as it is now.
        questions: What to ask.
        step: The optimizer step to show the answers at.
        progress: Gets the answers.
    """
    if not questions.limit or not questions.prompts:
        return
    import torch  # noqa: PLC0415

    template, device = questions.template, loaded.causal.get_input_embeddings().weight.device
    with engine.answering(loaded), torch.no_grad():
        for number, prompt in enumerate(questions.prompts):
            if progress.stop_requested():
                return
            progress.phase("answering the sample questions", number, len(questions.prompts))
            ids = torch.tensor([template.prompt_ids([Message("user", prompt)])], device=device)
            answer = loaded.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=questions.limit,
                do_sample=False,
                eos_token_id=list(template.stop_ids),
                pad_token_id=template.pad_id,
            )
            new = answer[0, ids.shape[1] :].tolist()
            progress.sample(step, prompt, template.tokenizer.decode(new, skip_special_tokens=True).strip())

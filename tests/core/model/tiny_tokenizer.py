"""Small tokenizers and chat templates for tests: one of each mechanism that real models use."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from core.model.template import Template

CORPUS = [
    "What are the symptoms of iron deficiency? Tiredness, pale skin, and shortness of breath on effort.",
    "A fever above 38.5 degrees in a young infant needs a doctor on the same day.",
    "Blood pressure is written as systolic over diastolic, in mmHg.\n\nRest, fluids and time help most colds.",
] * 20
BEGIN, END = "<s>", "</s>"
SPECIAL = {"bos_token": BEGIN, "eos_token": END, "pad_token": "<pad>", "unk_token": "<unk>"}
MARKS = ("<|im_start|>", "<|im_end|>", "<|start|>", "<|turn_end|>", "<User>", "<Assistant>", "<think>", "</think>")

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CHATML_WITHOUT_PROMPT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
)
# Llama 3's way: a header between marks, an empty line, trimmed content, the date in the system turn.
HEADERS = (
    "{{ bos_token }}<|start|>system<|start|>\n\nToday: {{ strftime_now('%d %b %Y') }}\n\n"
    "{% if messages[0].role == 'system' %}{{ messages[0].content | trim }}{% set messages = messages[1:] %}{% endif %}<|turn_end|>"
    "{% for message in messages %}<|start|>{{ message.role }}<|start|>\n\n{{ message.content | trim }}<|turn_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant<|start|>\n\n{% endif %}"
)
# DeepSeek R1's way: the prompt opens a thinking block; earlier answers lose theirs.
OPENS_THINKING = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'system' %}{{ message.content }}{% elif message.role == 'user' %}<User>{{ message.content }}"
    "{% else %}<Assistant>{{ message.content.split('</think>')[-1] }}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<Assistant><think>\n{% endif %}"
)
# Qwen 3's way: the last answer carries a thinking block (empty if it has none); enable_thinking=False closes it in the prompt.
ADDS_THINKING = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)
# Gemma's way: no system role (it raises), turns must alternate.
NO_SYSTEM = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}<|start|>{{ message.role }}\n{{ message.content | trim }}"
    "<|turn_end|>\n{% endfor %}{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
# The prompt asks one way, the history is written another.
TWO_WAYS = (
    "{% for message in messages %}{% if message.role == 'user' %}<User>{{ message.content }}"
    "{% else %}<Assistant> {{ message.content }}{{ eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<Assistant>\n{% endif %}"
)
NO_END = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
TEMPLATES = {
    "chatml": CHATML,
    "chatml_without_prompt": CHATML_WITHOUT_PROMPT,
    "headers": HEADERS,
    "opens_thinking": OPENS_THINKING,
    "adds_thinking": ADDS_THINKING,
    "no_system": NO_SYSTEM,
    "two_ways": TWO_WAYS,
    "no_end": NO_END,
    "none": None,
}


def byte_level() -> Tokenizer:
    """A byte-level BPE of 600 tokens, as Llama 3, Qwen and SmolLM have."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=[*SPECIAL.values(), *MARKS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def prefixing() -> Tokenizer:
    """A BPE that puts a space before the beginning of a text, as Llama 2 has."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=[*SPECIAL.values(), *MARKS], show_progress=False)
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def template(name: str) -> Template:
    """A Template of one of the mechanisms above."""
    return Template(byte_level(), TEMPLATES[name], SPECIAL, name=name)

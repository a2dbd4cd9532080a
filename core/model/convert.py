"""Turns the packaged GGUF file into a model folder as every loader expects it: python -m core.model.convert GGUF FOLDER.

GGUF (4-bit, for llama.cpp) → bf16 safetensors, tokenizer.json, chat_template.jinja and the configs.

A process of its own, because it needs torch and transformers, which the app's process must never load. The same file
gives the same bytes each time. Two things in transformers' own GGUF reader are worked around: it marks the converted
weights as still quantised (and then refuses to save them), and its tokenizer ends answers with the token that begins
them. So the tokenizer is built here, from the vocabulary and merges in the file.
It does not know: where the file came from, or whether it may be trusted (package.py checks that first).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

# Ids in SmolLM2's own tokenizer. The file's padding id (2) would be the end token, which then would never be trained.
UNKNOWN_AND_PAD_ID, BEGIN_ID, END_ID = 0, 1, 2
CONTROL_TOKEN = 3  # GGUF's token type for special tokens


def convert(gguf: Path, folder: Path) -> None:
    """Write the model of a GGUF file as a folder of safetensors.

    Args:
        gguf: The quantised file (Llama architecture, GPT-2 style vocabulary).
        folder: An existing, empty folder.
    """
    _write_tokenizer(gguf, folder)
    _write_weights(gguf, folder)


def _write_weights(gguf: Path, folder: Path) -> None:
    # Heavy: torch and transformers are loaded only in the child process that converts.
    import torch  # noqa: PLC0415
    from transformers import AutoModelForCausalLM, GenerationConfig  # noqa: PLC0415

    model: Any = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32)
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model = model.to(torch.bfloat16)
    special = {"bos_token_id": BEGIN_ID, "eos_token_id": END_ID, "pad_token_id": UNKNOWN_AND_PAD_ID}
    model.config.update(special | {"dtype": "bfloat16", "rms_norm_eps": round(model.config.rms_norm_eps, 8)})
    model.config._name_or_path = ""  # or the temporary path would stand in config.json
    model.generation_config = GenerationConfig.from_dict(special)
    model.save_pretrained(folder)


def _write_tokenizer(gguf: Path, folder: Path) -> None:
    from gguf import GGUFReader  # noqa: PLC0415
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415

    fields = GGUFReader(gguf).fields
    tokens: list[str] = fields["tokenizer.ggml.tokens"].contents()
    kinds: list[int] = fields["tokenizer.ggml.token_type"].contents()
    merges: list[str] = fields["tokenizer.ggml.merges"].contents()
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[_pair(merge) for merge in merges]))
    # "smollm" among llama.cpp's pre-tokenizers: every digit for itself, then GPT-2's way of splitting words.
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == CONTROL_TOKEN]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    tokenizer.save(str(folder / "tokenizer.json"))
    template: str = fields["tokenizer.chat_template"].contents()
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    names = {
        "bos_token": tokens[BEGIN_ID],
        "eos_token": tokens[END_ID],
        "unk_token": tokens[UNKNOWN_AND_PAD_ID],
        "pad_token": tokens[UNKNOWN_AND_PAD_ID],
    }
    config = names | {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": int(fields["llama.context_length"].contents()),
        "clean_up_tokenization_spaces": False,
        "additional_special_tokens": special[:3],
    }
    _write_json(folder / "tokenizer_config.json", config)
    _write_json(folder / "special_tokens_map.json", names)


def _pair(merge: str) -> tuple[str, str]:
    left, right = merge.split(" ")
    return left, right


def _write_json(path: Path, body: dict[str, Any]) -> None:
    path.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))

"""A Llama of 100,000 random weights with a tiny tokenizer, and adapters for it, for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.core.model.tiny_tokenizer import CHATML, SPECIAL, byte_level

CONTEXT = 4096


def save_base(folder: Path, *, hidden: int = 48, seed: int = 1) -> Path:
    """Write a base model; greedy answers of it never end by themselves."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = byte_level()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(SPECIAL | {"chat_template": CHATML}))
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=hidden,
            intermediate_size=2 * hidden,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=CONTEXT,
            initializer_range=0.3,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=2,
            tie_word_embeddings=False,
        )
    )
    with torch.no_grad():
        for end in ("</s>", "<|im_end|>"):
            model.lm_head.weight[tokenizer.token_to_id(end)] = 0  # some other token is always likelier
    model.save_pretrained(folder)
    return folder


def save_adapter(folder: Path, base: Path, *, seed: int = 2, **options: Any) -> Path:
    """Write an adapter whose B is not zero, so that it changes answers."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base)
    targets = ["q_proj", "v_proj", "o_proj", "gate_proj", "down_proj"]
    config = LoraConfig(**{"r": 4, "lora_alpha": 6, "target_modules": targets, "task_type": "CAUSAL_LM"} | options)
    tuned = get_peft_model(model, config)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    tuned.save_pretrained(folder)
    return folder

"""The models that people use here, with what one wants to know before a download.

Any other Hub id or local folder works too (resolve.py). It does not know: what is on disk, what fits into memory
(plan.py), or any weights.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.config import DEFAULT_MODEL

LLAMA_31 = "Llama 3.1 Community License"
LLAMA_32 = "Llama 3.2 Community License"
APACHE = "Apache-2.0"
GEMMA = "Gemma Terms of Use"
HEALTH_AI = "Health AI Developer Foundations terms"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a person should know about a model before choosing it.

    Args:
        id: The Hub id, ``organisation/name``.
        title: What the list shows.
        parameters: Number of weights, tied ones counted once.
        download_gb: Size of the weights to fetch, in GB (10⁹ bytes, as the Hub shows it).
        licence: Name of the licence that its users accept.
        gated: Whether the Hub asks for a login and an accepted licence first.
        thinking: Whether its template has thinking blocks, which training closes explicitly (template.py).
        about: One sentence: what it is good for.
    """

    id: str
    title: str
    parameters: int
    download_gb: float
    licence: str
    gated: bool
    thinking: bool
    about: str


CATALOGUE: tuple[ModelCard, ...] = (
    ModelCard(
        DEFAULT_MODEL,
        "SmolLM2 135M Instruct (default)",
        134_515_008,
        0.27,
        APACHE,
        False,
        False,
        "Tiny: trains in minutes without a GPU, to learn the way and to try data; too small to trust with any answer.",
    ),
    ModelCard(
        "HuggingFaceTB/SmolLM2-360M-Instruct",
        "SmolLM2 360M Instruct",
        361_821_120,
        0.72,
        APACHE,
        False,
        False,
        "Small: still trains without a GPU, slowly.",
    ),
    ModelCard(
        "HuggingFaceTB/SmolLM2-1.7B-Instruct",
        "SmolLM2 1.7B Instruct",
        1_711_376_384,
        3.42,
        APACHE,
        False,
        False,
        "The largest of its family; comfortable on any GPU.",
    ),
    ModelCard(
        "meta-llama/Llama-3.2-1B-Instruct",
        "Llama 3.2 1B Instruct",
        1_235_814_400,
        2.47,
        LLAMA_32,
        True,
        False,
        "Quick to train on a free Colab GPU.",
    ),
    ModelCard(
        "meta-llama/Llama-3.2-3B-Instruct",
        "Llama 3.2 3B Instruct",
        3_212_749_824,
        6.43,
        LLAMA_32,
        True,
        False,
        "A good balance for a free Colab GPU.",
    ),
    ModelCard(
        "meta-llama/Llama-3.1-8B-Instruct",
        "Llama 3.1 8B Instruct",
        8_030_261_248,
        16.06,
        LLAMA_31,
        True,
        False,
        "The usual base of published medical fine-tunes; wants 4-bit on a 16 GB GPU.",
    ),
    ModelCard(
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B",
        "DeepSeek R1 Distill Qwen 1.5B",
        1_777_088_000,
        3.55,
        "MIT",
        False,
        True,
        "A small reasoning model: thinks aloud before it answers.",
    ),
    ModelCard(
        "deepseek-ai/DeepSeek-R1-Distill-Qwen-7B",
        "DeepSeek R1 Distill Qwen 7B",
        7_615_616_512,
        15.23,
        "MIT",
        False,
        True,
        "A reasoning model of middle size.",
    ),
    ModelCard(
        "deepseek-ai/DeepSeek-R1-Distill-Llama-8B",
        "DeepSeek R1 Distill Llama 8B",
        8_030_261_248,
        16.06,
        "MIT (derived from Llama 3.1)",
        False,
        True,
        "Reasoning on the Llama 3.1 architecture, without a gate.",
    ),
    ModelCard(
        "Qwen/Qwen3-0.6B",
        "Qwen3 0.6B",
        596_049_920,
        1.50,
        APACHE,
        False,
        True,
        "Small and able; its thinking can be switched off.",
    ),
    ModelCard(
        "Qwen/Qwen3-1.7B",
        "Qwen3 1.7B",
        1_720_574_976,
        4.06,
        APACHE,
        False,
        True,
        "Quick on a free Colab GPU.",
    ),
    ModelCard(
        "Qwen/Qwen3-4B",
        "Qwen3 4B",
        4_022_468_096,
        8.04,
        APACHE,
        False,
        True,
        "Strong for its size.",
    ),
    ModelCard(
        "Qwen/Qwen3-8B",
        "Qwen3 8B",
        8_190_735_360,
        16.38,
        APACHE,
        False,
        True,
        "Strong general base; wants 4-bit on a 16 GB GPU.",
    ),
    ModelCard(
        "google/gemma-3-1b-it",
        "Gemma 3 1B",
        999_885_952,
        2.00,
        GEMMA,
        True,
        False,
        "Small, many languages.",
    ),
    ModelCard(
        "google/gemma-3-4b-it",
        "Gemma 3 4B",
        4_300_079_472,
        8.60,
        GEMMA,
        True,
        False,
        "Many languages; reads images too, which are not used here.",
    ),
    ModelCard(
        "google/medgemma-4b-it",
        "MedGemma 4B",
        4_300_079_472,
        8.60,
        HEALTH_AI,
        True,
        False,
        "Gemma 3 already tuned on medical text and images: a strong base to compare with.",
    ),
)


def find_card(model: str) -> ModelCard | None:
    """The catalogue's card of a Hub id, whatever its capitals; None for any other model."""
    return next((card for card in CATALOGUE if card.id.lower() == model.strip().lower()), None)

"""The look: one accent (teal), system fonts, light and dark; the rest stands in style.css.

It does not know: which screens there are, beyond the sliders whose recommended zones it shades.
"""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from core.config import RECOMMENDED_ZONES
from core.evaluation.forest import STYLE as FOREST_STYLE

STYLESHEETS = tuple(Path(__file__).with_name(name) for name in ("style.css", "evaluate.css"))
FONT = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "DejaVu Sans", "sans-serif")
FONT_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")

# What each slider runs over: low, high, step. The zones' shading is computed from it.
SLIDERS: dict[str, tuple[float, float, float]] = {
    "learning_rate": (1e-5, 1e-3, 1e-5),
    "epochs": (1, 10, 1),
    "rank": (4, 64, 4),
    "alpha": (4, 128, 4),
    "batch_rows": (0, 32, 1),
    "accumulation": (0, 64, 1),
}


def theme() -> gr.themes.Base:
    """Gradio's base theme in the app's colours."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.teal,
        secondary_hue=gr.themes.colors.teal,
        neutral_hue=gr.themes.colors.slate,
        radius_size=gr.themes.sizes.radius_lg,
        font=FONT,
        font_mono=FONT_MONO,
    ).set(
        body_background_fill="#f5f7f9",
        body_background_fill_dark="#0b1417",
        block_background_fill="#ffffff",
        block_background_fill_dark="#111d21",
        background_fill_primary="#ffffff",
        background_fill_primary_dark="#111d21",
        background_fill_secondary="#f1f5f7",
        background_fill_secondary_dark="#16262b",
        border_color_primary="#dfe5ea",
        border_color_primary_dark="#26393f",
        block_border_width="0px",
        block_shadow="none",
        block_padding="0px",
        block_label_background_fill="transparent",
        block_label_background_fill_dark="transparent",
        block_title_text_weight="600",
        block_info_text_size="*text_sm",
        block_info_text_color="#5a6876",
        block_info_text_color_dark="#9fb2b8",
        body_text_color="#17212b",
        body_text_color_dark="#e6eef0",
        body_text_color_subdued="#5a6876",
        body_text_color_subdued_dark="#9fb2b8",
        button_primary_background_fill="#0f766e",
        button_primary_background_fill_hover="#0b5f58",
        button_primary_background_fill_dark="#0f766e",
        button_primary_background_fill_hover_dark="#128a80",
        button_primary_text_color="#ffffff",
        button_primary_text_color_dark="#ffffff",
        button_secondary_background_fill="#ffffff",
        button_secondary_background_fill_hover="#f1f5f7",
        button_secondary_background_fill_dark="#16262b",
        button_secondary_background_fill_hover_dark="#1d3138",
        button_secondary_border_color="#cdd6dd",
        button_secondary_border_color_dark="#2e454c",
        button_border_width="1px",
        slider_color="#0f766e",
        slider_color_dark="#2dd4bf",
        color_accent="#0f766e",
        color_accent_soft="#d9f2ed",
        color_accent_soft_dark="#12383a",
        link_text_color="#0f766e",
        link_text_color_dark="#5eead4",
        checkbox_border_radius="4px",
        input_background_fill="#ffffff",
        input_background_fill_dark="#0d181b",
        input_border_width="1px",
        input_border_color="#cdd6dd",
        input_border_color_dark="#2e454c",
        # gradio takes the outline from the field that has the focus: its edge has to show it
        input_border_color_focus="#0f766e",
        input_border_color_focus_dark="#5eead4",
        input_shadow_focus="0 0 0 1px #0f766e",
        input_shadow_focus_dark="0 0 0 1px #5eead4",
        layout_gap="16px",
    )


def stylesheet() -> str:
    """The stylesheet, followed by where each slider's recommended zone lies."""
    zones = []
    for name, (low, high) in RECOMMENDED_ZONES.items():
        start, end, _ = SLIDERS[name]
        edges = ((edge - start) / (end - start) * 100 for edge in (low, high))
        zones.append("#set-{} {{ --zone-low: {:.1f}%; --zone-high: {:.1f}%; }}".format(name, *edges))
    sheets = [path.read_text(encoding="utf-8") for path in STYLESHEETS]
    return "\n".join([*sheets, FOREST_STYLE, *zones]) + "\n"

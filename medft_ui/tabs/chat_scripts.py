"""What the Chat screen does in the browser: copying, saving a file, and the clinician's view. It stores nothing there.

It does not know: what is copied.
"""

from __future__ import annotations

import json

from medft_ui.chat_text import Chat

LINK_PARAMETER = "clinician"

# A page that is not served over https, and is not this machine's, has no clipboard of its own; the old way still works.
_COPY = """
  const copy = async (text) => {
    try { await navigator.clipboard.writeText(text); return "yes"; } catch { /* the old way */ }
    const box = document.createElement("textarea");
    box.value = text; document.body.append(box); box.select();
    const done = document.execCommand("copy"); box.remove();
    return done ? "yes" : "";
  };
"""
COPY = f"async (text) => {{ {_COPY} return await copy(text); }}"
LINK = (
    f"async (key) => {{ {_COPY} const link = new URL(location.href); link.hash = ''; link.search = ''; "
    f"link.searchParams.set('{LINK_PARAMETER}', key || ''); return await copy(link.href) ? link.href : ''; }}"
)
ENTER = "() => document.body.classList.add('clinician')"
LEAVE = "() => document.body.classList.remove('clinician')"
# Gradio 6.31 lays a nameless button into the header of a thought, which is a button itself: a screen reader would stop
# twice and say nothing. The header stays, and its arrow becomes a mere picture.
ON_LOAD = (
    f"() => {{ const linked = new URLSearchParams(location.search).get('{LINK_PARAMETER}'); "
    "if (linked) document.body.classList.add('clinician'); "
    "setInterval(() => document.querySelectorAll('.window button[aria-label=\"\"]:not(:disabled)').forEach("
    "(arrow) => { arrow.disabled = true; arrow.style.pointerEvents = 'none'; "
    f"arrow.setAttribute('aria-label', {json.dumps(Chat.UNFOLD)}); }}), 700); "
    "return linked ? {selected: 'chat', __type__: 'update'} : {__type__: 'update'}; }"
)
FOCUS_REMARK = "() => setTimeout(() => document.querySelector('.remark input[type=checkbox]')?.focus(), 120)"


def save_as(name: str, kind: str) -> str:
    """Let the browser save a text as a file."""
    return (
        "(text) => { if (!text) return; const link = document.createElement('a'); "
        f"link.href = URL.createObjectURL(new Blob([text], {{type: '{kind}'}})); link.download = '{name}'; "
        "link.click(); setTimeout(() => URL.revokeObjectURL(link.href), 1000); }"
    )

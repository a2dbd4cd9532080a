"""How the page's own events are wired: hidden from the API, and without Gradio's overlay.

The overlay lies over everything that an event may change, and after an error it stays there and takes the clicks; the
person is told by a message in the corner instead. What takes long names one empty piece of HTML to draw its bar on.
It does not know: which events there are.
"""

from __future__ import annotations

from typing import Any

# Answers at once: not through the queue. Nobody sees an error, a gr.Info or a gr.Warning of such an event: gradio 6.31 shows
# them only for what went through the queue. So what can fail, or has something to say, is SLOW.
QUICK: dict[str, Any] = {"queue": False, "api_visibility": "private", "show_progress": "hidden", "show_progress_on": []}
# Follows what moves by itself: what comes while an answer is on its way is answered next, not dropped.
FOLLOW: dict[str, Any] = QUICK | {"trigger_mode": "always_last"}
# May take seconds.
SLOW: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "show_progress_on": []}
# Needs the device: one at a time.
ON_DEVICE: dict[str, Any] = SLOW | {"concurrency_id": "gpu", "concurrency_limit": 1}

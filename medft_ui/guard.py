"""What the browser may fetch for the page: nothing from anywhere else.

    FastAPI(middleware=[Middleware(Guard)])

Answers, names and cards are shown as Markdown, and Markdown can hold a picture of any address: a model that was made to
write one would send what was said to it to that address, without anybody clicking. So the browser is told to fetch
pictures, sounds, fonts and frames from this server only (Content Security Policy, W3C). Links still work when clicked.
It does not know: what is on the page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Not default-src: Gradio's page holds scripts and styles in line. No frame-ancestors: a Space shows the app in a frame.
OWN = "'self' data: blob:"
POLICY = "; ".join(
    (
        *(f"{kind}-src {OWN}" for kind in ("img", "media", "font")),
        "frame-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
    )
)
HEADERS = {"content-security-policy": POLICY, "referrer-policy": "same-origin"}


class Guard:
    """Adds the policy to every answer.

    Args:
        app: What answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, and add the headers to what comes back."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self.app(scope, receive, guarded)

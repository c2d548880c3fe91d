"""The page that asks for the token."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from http import HTTPStatus

from neuronas.service.gateway.exchange import Response, page

# What stands behind '#' is never sent to a server, so no log on the way tells the token.
_SCRIPT = """
const given = new URLSearchParams(location.hash.slice(1)).get("token");
if (given) {
  history.replaceState(null, "", location.pathname);
  document.querySelector("input[name=token]").value = given;
  document.querySelector("form").submit();
}
"""

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; background: #f4f5f7; color: #1c2733; margin: 0;
  min-height: 100vh; display: grid; place-items: center; }
main { background: #fff; padding: 2rem 2.5rem; border-radius: 8px; width: 22rem;
  box-shadow: 0 1px 6px #0002; }
h1 { font-size: 1.25rem; margin: 0 0 .5rem; }
p { margin: .5rem 0 1rem; }
[role=alert] { color: #a4161a; }
label { display: block; font-weight: 600; }
input, button { font: inherit; width: 100%; box-sizing: border-box; padding: .5rem; }
input { margin: .25rem 0 1rem; border: 1px solid #8a949e; border-radius: 4px; }
button { border: 0; border-radius: 4px; background: #0b5c94; color: #fff; cursor: pointer; }
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>neuronas: log in</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>neuronas</h1>
{problem}<p>The token stands in the file that <code>neuronas serve</code> named when it started.</p>
<form method="post" action="/login">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<input name="onward" type="hidden" value="{onward}">
<button>Log in</button>
</form>
</main>
<script>{script}</script>
</body>
</html>
"""


def _source(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


_POLICY = "; ".join(
    (
        "default-src 'none'",
        f"style-src {_source(_STYLE)}",
        f"script-src {_source(_SCRIPT)}",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def login_page(status: HTTPStatus, *, onward: str = "", problem: str = "") -> Response:
    """Return the page that asks for the token.

    Args:
        status: Status of the response.
        onward: Path of the page that was asked for.
        problem: What was wrong with the last try.
    """
    content = _PAGE.format(
        style=_STYLE,
        script=_SCRIPT,
        onward=escape(onward, quote=True),
        problem=f"<p role=alert>{escape(problem)}</p>\n" if problem else "",
    )
    return page(status, content, {"Content-Security-Policy": _POLICY})

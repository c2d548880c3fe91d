"""``neuronas serve``: studies in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neuronas import interrupts
from neuronas.cli.options import Storage, say

if TYPE_CHECKING:
    from neuronas.service.gateway import Address, Token


def serve(
    storage: Storage = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen at; 0.0.0.0 for all of this machine's.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port; 0 for any that is free.")
    ] = 8080,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            help="File of the token, made if it is not there. Default: the token in "
            "NEURONAS_TOKEN, else FILE.token beside an SQLite database, else "
            "neuronas/gateway.token in the user's state folder.",
            show_default=False,
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            help="Further name by which browsers reach it, such as that of a proxy; repeatable.",
            show_default=False,
        ),
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="No token; on a loopback address only.")
    ] = False,
) -> None:
    """Show studies in a browser, read-only, behind a token; metrics for Prometheus at /metrics."""
    from neuronas.service.gateway import Address, find_token
    from neuronas.service.gateway import serve as serve_gateway
    from neuronas.storage import require_existing, resolve_url

    url = resolve_url(storage)
    require_existing(url)  # before a token is made beside it
    with interrupts.caught():
        try:
            token = None if no_auth else find_token(url, token_file)
            serve_gateway(
                url,
                Address(host, port),
                token,
                hosts=allow_host or (),
                ready=lambda address: _tell(address, token),
            )
        except KeyboardInterrupt:
            pass
    say("stopped")


def _tell(address: Address, token: Token | None) -> None:
    from neuronas.service.gateway import is_loopback

    if token is None:
        say(f"{address}\nwithout a token: everybody on this machine may look")
    elif token.made:
        say(f"{address}/login#token={token.value}\nthe token is kept in {token.origin}")
    else:
        say(f"{address}\nthe token is in {token.origin}")
    if not is_loopback(address.host):
        say("other machines reach it, unencrypted: put a proxy with TLS in front")
    say("Ctrl-C ends it")

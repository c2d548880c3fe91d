"""Serving the gateway until it is told to end."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass

import waitress

from neuronas.errors import ConfigError, NeuronasError
from neuronas.service.gateway.application import Gateway
from neuronas.service.gateway.authentication import Authentication
from neuronas.service.gateway.guard import is_loopback
from neuronas.service.gateway.tokens import Token
from neuronas.service.reaping import reaping

_logger = logging.getLogger("neuronas.gateway")

_THREADS = 4
_BODY_BYTES = 1 << 16
_EVERYWHERE = ("0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Address:
    """Where the gateway listens.

    Attributes:
        host: Name or address of this machine.
        port: TCP port; 0 for any that is free.
    """

    host: str
    port: int

    def __str__(self) -> str:
        """Return it as a browser takes it."""
        host = socket.gethostname() if self.host in _EVERYWHERE else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def serve(
    url: str,
    address: Address,
    token: Token | None,
    *,
    hosts: Iterable[str] = (),
    ready: Callable[[Address], None],
) -> None:
    """Serve studies until a signal raises KeyboardInterrupt; look after dead workers meanwhile.

    Args:
        url: Storage URL of a database that has studies.
        address: Where to listen.
        token: What opens it; None for nothing, which is refused unless only this machine reaches
            the address.
        hosts: Further names by which it is reached.
        ready: Called once, when it listens, with where.

    Raises:
        ConfigError: Others would reach it without a token.
        StorageError: There is no database.
        NeuronasError: The address is taken, or not of this machine.
    """
    if token is None and not is_loopback(address.host):
        raise ConfigError(
            f"--no-auth with --host {address.host}: other machines would reach the studies; "
            "allowed: 127.0.0.1, ::1 and localhost"
        )
    authentication = None if token is None else Authentication(token.value)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a page asks for much at once
    with closing(Gateway(url, authentication, [address.host, *hosts])) as gateway:
        server = waitress.create_server(
            gateway,
            sockets=[_listening(address)],
            threads=_THREADS,
            ident="neuronas",
            max_request_body_size=_BODY_BYTES,
        )
        with closing(server), reaping(url, _logger.warning):
            ready(Address(address.host, server.effective_port))
            server.run()


def _listening(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        why = "is in use; choose another with --port" if taken else f"cannot be used ({error})"
        raise NeuronasError(f"port {address.port} of {address.host} {why}") from None

"""The gateway: optuna-dashboard, read-only, behind a token."""

from neuronas.service.gateway.application import Gateway
from neuronas.service.gateway.authentication import Authentication
from neuronas.service.gateway.guard import is_loopback
from neuronas.service.gateway.server import Address, serve
from neuronas.service.gateway.tokens import Token, find_token

__all__ = ["Address", "Authentication", "Gateway", "Token", "find_token", "is_loopback", "serve"]

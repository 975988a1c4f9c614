"""The settings: their shape, reading them, their secrets, and what the core may know of them."""

from gateway.config.core_policy import agent_addresses, hours, policy
from gateway.config.reading import DEFAULT_PATHS, ENVIRONMENT, build, handed_over, load, to_hand_over
from gateway.config.secret_files import SECRET_BYTES, database_url, has_secret, read_secret, signing_keys, with_password
from gateway.config.settings import Settings

__all__ = [
    "DEFAULT_PATHS",
    "ENVIRONMENT",
    "SECRET_BYTES",
    "Settings",
    "agent_addresses",
    "build",
    "database_url",
    "handed_over",
    "has_secret",
    "hours",
    "load",
    "policy",
    "read_secret",
    "signing_keys",
    "to_hand_over",
    "with_password",
]

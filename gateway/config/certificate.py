"""The certificate that SMTP shows."""

from __future__ import annotations

import ssl

from gateway.config.settings import Settings


def tls_context(settings: Settings, *, wanted: bool) -> ssl.SSLContext | None:
    """None: there is none, and SMTP goes without. Raises `ConfigError`."""
    s = settings.receive.smtp
    if not s.tls_certificate:
        if wanted:
            raise settings.error(
                "receive.smtp.tls_certificate", "is missing for implicit_tls_listen", "Name a PEM file."
            )
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.path(s.tls_certificate), settings.path(s.tls_key))
    except (OSError, ssl.SSLError) as error:
        raise settings.error(
            "receive.smtp.tls_certificate", f"certificate or key cannot be used ({error})", "Check both PEM files."
        ) from None
    return context

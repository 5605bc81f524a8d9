"""The TLS that chargers get: versions, cipher suites and certificates (security white paper, profiles 2 and 3)."""

from __future__ import annotations

import ssl
from collections.abc import Sequence

# Exactly what the security white paper demands (ed. 3, TLS server requirements). Python's own default leaves the RSA
# key exchange out. TLS 1.3 has suites of its own and needs none of these.
SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    # TLS_RSA_WITH_AES_128_GCM_SHA256 and TLS_RSA_WITH_AES_256_GCM_SHA384
    "AES128-GCM-SHA256",
    "AES256-GCM-SHA384",
)


def server_context(*, mutual: bool) -> ssl.SSLContext:
    """A context without certificates yet: nobody can connect until some are loaded.

    *mutual*: a charger must show a certificate of an authority that it is told to trust.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join(SUITES))
    # no session outlives its handshake: each connection shows its certificate anew
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    if mutual:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def trust(context: ssl.SSLContext, roots_pem: Sequence[bytes]) -> None:
    """Accept what these roots have signed, from the next handshake on."""
    for pem in roots_pem:
        context.load_verify_locations(cadata=pem.decode("ascii"))

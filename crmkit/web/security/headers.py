"""Headers of every answer: pages, fragments, errors and files (TRUST S2)."""

from __future__ import annotations

_FIXED = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
)
_OURS = frozenset({b"content-security-policy", b"server", *(name for name, _ in _FIXED)})
_HSTS = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")


def content_policy(nonce: str) -> str:
    """Answer the policy of one answer: scripts by nonce, nothing from elsewhere."""
    return (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
        "object-src 'none'; frame-ancestors 'none'"
    )


def secure_headers(
    headers: list[tuple[bytes, bytes]],
    *,
    nonce: str,
    request_id: str,
    is_https: bool,
    is_private: bool,
) -> list[tuple[bytes, bytes]]:
    """Answer the headers of a response with ours in place of any of that name.

    Args:
        is_private: No cache may keep the answer; built files alone are public.
    """
    kept = [(name.lower(), value) for name, value in headers if name.lower() not in _OURS]
    kept += _FIXED
    kept.append((b"content-security-policy", content_policy(nonce).encode()))
    kept.append((b"x-request-id", request_id.encode()))
    if is_private:
        kept = [(name, value) for name, value in kept if name != b"cache-control"]
        kept.append((b"cache-control", b"no-store"))
    if is_https:
        kept.append(_HSTS)
    return kept

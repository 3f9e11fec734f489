"""What the secret key does: seal people's words and addresses, find an address, name a pseudonym.

One secret, one derived key per use (HKDF, RFC 5869), so that none can be worked out from another.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Iterator

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

#: The first byte of everything sealed: which key and cipher. A new key gets a new number.
_VERSION = b"\x01"
_NONCE_BYTES = 12  # NIST SP 800-38D, 8.2.2; random ones are safe for 2**32 messages under one key
_63_BITS = (1 << 63) - 1


class WrongKey(Exception):
    """The data were sealed with another MIME_SECRET_KEY, or were changed."""


class Vault:
    def __init__(self, secret: str) -> None:
        """`secret` is the operator's: at least 16 characters."""
        if len(secret) < 16:
            raise ValueError("the secret key needs at least 16 characters")
        self._seal = AESGCM(_derive(secret, b"mime/seal"))
        self._nonces = _nonces()
        self._find = _derive(secret, b"mime/find")
        self._button = _derive(secret, b"mime/button")
        self._participant = _derive(secret, b"mime/participant")

    def seal(self, plain: bytes, owner: int) -> bytes:
        """Encrypted and bound to its owner (a contact's id): moved to another row it does not open."""
        nonce = next(self._nonces)
        return _VERSION + nonce + self._seal.encrypt(nonce, plain, owner.to_bytes(8))

    def open(self, sealed: bytes, owner: int) -> bytes:
        """Raises WrongKey."""
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            if sealed[:1] != _VERSION or not rest:
                raise InvalidTag
            return self._seal.decrypt(nonce, rest, owner.to_bytes(8))
        except InvalidTag as error:
            raise WrongKey("this cannot be opened with MIME_SECRET_KEY; was the key changed?") from error

    def find(self, text: str) -> int:
        """The number under which an address, or a provider's message id, is looked up."""
        digest = hashlib.blake2s(text.encode("utf-8", "surrogatepass"), key=self._find, digest_size=8).digest()
        return int.from_bytes(digest) & _63_BITS

    def code(self, code: str) -> int:
        """The number under which a code, a link's token or a poster's word is looked up."""
        return self.find(f"code/{code}")

    def button(self, session_id: int, question: str) -> str:
        """The token of a question's buttons: it ties a press to its question, and says nothing."""
        text = f"{session_id}/{question}".encode()
        return urlsafe_b64encode(hashlib.blake2s(text, key=self._button, digest_size=9).digest()).decode()

    def participant(self, contact_id: int) -> str:
        """The pseudonym of a contact in the evaluation data."""
        return self._pseudonym(f"contact/{contact_id}")

    def response(self, session_id: int) -> str:
        """The pseudonym of one person's one run through a questionnaire."""
        return self._pseudonym(f"session/{session_id}")

    def _pseudonym(self, text: str) -> str:
        digest = hashlib.blake2s(text.encode(), key=self._participant, digest_size=10).digest()
        return b32encode(digest).decode().lower()


def _nonces() -> Iterator[bytes]:
    """Random nonces, drawn many at a time: a call to the kernel for each would cost as much as the sealing."""
    while True:
        drawn = os.urandom(_NONCE_BYTES * 256)
        yield from (drawn[at : at + _NONCE_BYTES] for at in range(0, len(drawn), _NONCE_BYTES))


def _derive(secret: str, use: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=use).derive(secret.encode())

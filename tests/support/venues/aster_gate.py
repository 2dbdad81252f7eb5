"""Who may ask at Aster: an agent's wallet signs for the account's, and no nonce counts twice."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping

from ccxt.static_dependencies import keccak  # type: ignore[import-untyped]  # ccxt has no types
from coincurve import PrivateKey, PublicKey

from tests.support.venues.binance_gate import Gate, Security
from tests.support.venues.refusals import VenueRefusal, malformed, mandatory

WINDOW_US = 60_000_000
MOST_NONCES = 100
_CHAIN_ID = 1666
_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def keccak256(data: bytes) -> bytes:
    return bytes(keccak.SHA3(data))


def address_of(key: PublicKey) -> str:
    """An Ethereum address, in lower case."""
    return "0x" + keccak256(key.format(compressed=False)[1:])[-20:].hex()


def wallet_of(private_key: str) -> str:
    return address_of(PrivateKey(bytes.fromhex(private_key.removeprefix("0x"))).public_key)


_SEPARATOR = keccak256(
    keccak256(_DOMAIN.encode())
    + keccak256(b"AsterSignTransaction")
    + keccak256(b"1")
    + _CHAIN_ID.to_bytes(32, "big")
    + bytes(32)
)
_MESSAGE = keccak256(b"Message(string msg)")


def signer_of(message: str, signature: str) -> str | None:
    """Whose key signed `message` as Aster wants it; None where that cannot be told."""
    digest = keccak256(b"\x19\x01" + _SEPARATOR + keccak256(_MESSAGE + keccak256(message.encode())))
    try:
        raw = bytes.fromhex(signature.removeprefix("0x"))
        found = PublicKey.from_signature_and_message(raw[:64] + bytes([raw[64] - 27]), digest, hasher=None)
    except (ValueError, IndexError):
        return None
    return address_of(found)


class Nonces:
    """Of one agent. Title: V3 Nonce Mechanism."""

    def __init__(self) -> None:
        self.kept: list[int] = []

    def take(self, nonce: int, now_us: int) -> None:
        if abs(now_us - nonce) > WINDOW_US:
            raise VenueRefusal(-1021, "Timestamp for this request is outside of the recvWindow.")
        is_full = len(self.kept) >= MOST_NONCES
        if nonce in self.kept or (is_full and nonce < self.kept[0]):
            raise VenueRefusal(-4225, "Nonce Expired")
        if is_full:
            del self.kept[0]
        bisect.insort(self.kept, nonce)


class AsterGate(Gate):
    """`user` is the account's wallet, `signer` the wallet of its agent; `now` tells milliseconds."""

    def __init__(self, user: str, signer: str, now: Callable[[], int]) -> None:
        super().__init__("", "", now)
        self.user = user.lower()
        self.signer = signer.lower()
        self.nonces = Nonces()
        self.builder_asked: list[str] = []
        """Whatever tried to give a part of the fees to a third party."""

    def check(self, security: Security, key: str | None, signed: str, params: Mapping[str, str]) -> None:
        """Title: Authentication signature payload."""
        if security is Security.NONE:
            return
        self._check_builder(params)
        message, _, signature = signed.partition("&signature=")
        for name in ("user", "signer", "nonce", "signature"):
            if not params.get(name):
                raise mandatory(name)
        if signer_of(message, signature) != params["signer"].lower():
            raise VenueRefusal(-1000, "Signature check failed")
        if (params["user"].lower(), params["signer"].lower()) != (self.user, self.signer):
            raise VenueRefusal(-1000, "No agent found")
        if not self.may_trade:
            raise VenueRefusal(-2015, "Invalid API-key, IP, or permissions for action.", 401)
        if not params["nonce"].isdecimal():
            raise malformed("nonce")
        self.nonces.take(int(params["nonce"]), self._now() * 1000)

    def _check_builder(self, params: Mapping[str, str]) -> None:
        asked = [f"{name}={params[name]}" for name in params if "builder" in name.lower() or name == "feeRate"]
        asked += [name for name in ("batchOrders",) if "builder" in params.get(name, "").lower()]
        if asked:
            self.builder_asked += asked
            raise VenueRefusal(-2031, "Invalid builder parameter.")

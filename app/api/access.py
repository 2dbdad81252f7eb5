"""Bearer tokens and roles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.ports.tokens import Role, TokenInfo, Tokens

_BEARER = HTTPBearer(auto_error=False, description="A token made with `token create`")


class Refused(Exception):
    """Ends a request with a status and the API's error shape; `fields` are names with reasons."""

    def __init__(self, status: int, code: str, detail: str, fields: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.fields = tuple(fields)


def verified(tokens: Tokens, authorization: str | None) -> TokenInfo | None:
    """The token of an `Authorization: Bearer …` header."""
    scheme, _, text = (authorization or "").partition(" ")
    return tokens.verify(text.strip()) if scheme.lower() == "bearer" else None


def needs(role: Role) -> Callable[..., Awaitable[TokenInfo]]:
    """A dependency that lets in tokens of `role` or more."""

    async def check(
        request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)] = None
    ) -> TokenInfo:
        token = verified(request.app.state.tokens, request.headers.get("authorization"))
        if token is None:
            raise Refused(401, "unauthorized", "a valid token is needed")
        if not token.role.allows(role):
            raise Refused(403, "forbidden", f"this needs the role {role}, the token has {token.role}")
        return token

    return check


VIEWER = Depends(needs(Role.VIEWER))
TRADER = Depends(needs(Role.TRADER))
ADMIN = Depends(needs(Role.ADMIN))

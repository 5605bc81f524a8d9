"""The command line's side of the Unix socket: asks the running daemon, and says plainly why it could not.

Blocking and on the standard library alone: a command starts, asks one question, and ends.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
from typing import BinaryIO, TypeVar
from urllib.parse import quote

import msgspec

from chargemon_edge.web.shapes import (
    BackupView,
    ClockView,
    CommissioningView,
    ErasedView,
    ProblemView,
    SiteView,
    TokenMade,
    TokenView,
)

TIMEOUT_S = 5.0

Shape = TypeVar("Shape")


class ClientError(Exception):
    """The question was not answered; the text says why and what to do."""


class RefusedError(ClientError):
    """The daemon answered, and will not do it; the text says why."""


def fetch_site(path: str) -> SiteView:
    """The site as the daemon behind the socket at *path* sees it now; ClientError if there is none."""
    return _decode(ask(path, "GET", "/api/v1/site"), SiteView)


def fetch_clock(path: str) -> ClockView:
    """The daemon's own time."""
    return _decode(ask(path, "GET", "/api/v1/clock"), ClockView)


def open_commissioning(path: str, minutes: int) -> CommissioningView:
    """Let unknown charge points in for *minutes*; ClientError also if the daemon does not allow so many."""
    body = msgspec.json.encode({"minutes": minutes})
    return _decode(ask(path, "POST", "/api/v1/commissioning", body), CommissioningView)


def close_commissioning(path: str) -> CommissioningView:
    """Refuse unknown charge points from now on."""
    return _decode(ask(path, "DELETE", "/api/v1/commissioning"), CommissioningView)


def make_token(path: str, name: str, role: str, expires_utc_ms: int | None) -> TokenMade:
    """A new access token; RefusedError also if there is one of that name."""
    body = msgspec.json.encode({"name": name, "role": role, "expires_utc_ms": expires_utc_ms})
    return _decode(ask(path, "POST", "/api/v1/tokens", body), TokenMade)


def list_tokens(path: str) -> tuple[TokenView, ...]:
    """The records of all access tokens, by name."""
    return _decode(ask(path, "GET", "/api/v1/tokens"), tuple[TokenView, ...])


def revoke_token(path: str, name: str) -> None:
    """The token of that name opens nothing any more; RefusedError if there is none."""
    ask(path, "DELETE", f"/api/v1/tokens/{quote(name, safe='')}")


def make_backup(path: str, *, timeout_s: float) -> BackupView:
    """A new backup on the daemon's disk; RefusedError says why there is none."""
    return _decode(ask(path, "POST", "/api/v1/backups", timeout_s=timeout_s), BackupView)


def erase_id_tag(path: str, id_tag: str, *, timeout_s: float) -> ErasedView:
    """Forget a card; RefusedError says why not."""
    route = f"/api/v1/id-tags/{quote(id_tag, safe='')}/erase"
    return _decode(ask(path, "POST", route, timeout_s=timeout_s), ErasedView)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(
    path: str,
    method: str,
    route: str,
    body: bytes | BinaryIO | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
    into: BinaryIO | None = None,
) -> bytes:
    """The body of the daemon's answer; RefusedError carries the problem it answered instead.

    *body*: a file is sent as it is, from its beginning; *into*: a good answer is written there, and b"" returned.
    """
    connection = _UnixConnection(path, timeout_s)
    headers = {} if body is None or isinstance(body, bytes) else {"Content-Length": str(body.seek(0, os.SEEK_END))}
    if body is not None and not isinstance(body, bytes):
        body.seek(0)
    try:
        connection.request(method, quote(route, safe="/?&=%:;,@+~*'()!$-._"), body, headers)
        response = connection.getresponse()
        if into is not None and response.status < 400:
            shutil.copyfileobj(response, into)
        answer = response.read()
    except BrokenPipeError:
        # it would not have the rest, and has said why
        response = connection.getresponse()
        answer = response.read()
    except (FileNotFoundError, ConnectionRefusedError):
        raise ClientError(
            f"the daemon is not running at {path} (start it with: systemctl start chargemon-edge)"
        ) from None
    except PermissionError:
        raise ClientError(
            f"permission denied at {path}: run this as root, or as a member of the group chargemon-edge"
        ) from None
    except TimeoutError:
        raise ClientError(f"the daemon at {path} did not answer within {timeout_s:g} s") from None
    except (OSError, http.client.HTTPException) as error:
        raise ClientError(f"no answer from the daemon at {path}: {error}") from error
    finally:
        connection.close()
    if response.status >= 400:
        problem = _decode(answer, ProblemView)
        raise RefusedError(f"{problem.title}: {problem.detail}")
    return answer


def _decode(answer: bytes, shape: type[Shape]) -> Shape:
    try:
        return msgspec.json.decode(answer, type=shape)
    except msgspec.DecodeError as error:
        raise ClientError(f"the daemon's answer is of another version ({error}); restart it") from error

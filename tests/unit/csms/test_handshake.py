"""Every way a request to open a link can be right or wrong, as a table."""

from __future__ import annotations

import base64

import pytest

from chargemon_edge.csms.credentials import Credentials
from chargemon_edge.csms.doorkeeper import Doorkeeper
from chargemon_edge.csms.handshake import Admitted, Refused, RequestHead, identity_of
from chargemon_edge.csms.settings import ChargePointAccess
from chargemon_edge.csms.throttle import LoginThrottle
from chargemon_edge.site.charger_model import Quirks

CHARGE_POINTS = (
    ChargePointAccess(identity="CP1"),
    ChargePointAccess(identity="CP 2/b"),
    ChargePointAccess(identity="OPEN", allow_without_password=True),
    ChargePointAccess(identity="NONE"),
    ChargePointAccess(identity="PLAIN", allow_without_password=True),
    ChargePointAccess(identity="NEAR", allow_without_password=True, sources=("192.0.2.0/28", "2001:db8::/64")),
)
PASSWORDS = {"CP1": "secret", "CP 2/b": "00ff41"}
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class Models:
    """Only PLAIN has a quirk."""

    def quirks(self, charge_point: str) -> Quirks:
        return Quirks(subprotocol_optional=charge_point == "PLAIN")


def doorkeeper() -> Doorkeeper:
    return Doorkeeper(CHARGE_POINTS, Credentials(PASSWORDS), LoginThrottle(5, 60.0), Models())


def basic(pair: bytes) -> str:
    return "Basic " + base64.b64encode(pair).decode()


def head(
    target: str = "/CP1",
    *,
    method: str = "GET",
    source: str = "192.0.2.1",
    drop: tuple[str, ...] = (),
    **changes: str | list[str],
) -> RequestHead:
    headers = {
        "host": ["central"],
        "upgrade": ["websocket"],
        "connection": ["Upgrade"],
        "sec-websocket-key": [KEY],
        "sec-websocket-version": ["13"],
        "sec-websocket-protocol": ["ocpp1.6"],
    }
    for name, value in changes.items():
        headers[name.replace("_", "-")] = [value] if isinstance(value, str) else value
    for name in drop:
        del headers[name]
    return RequestHead(method=method, target=target, headers=headers, source=source)


def test_the_right_login_gets_the_accept_of_the_rfc() -> None:
    verdict = doorkeeper().judge(head(authorization=basic(b"CP1:secret")), 0.0, commissioning=False)

    assert isinstance(verdict, Admitted)
    assert (verdict.identity, verdict.known, verdict.subprotocol) == ("CP1", True, "ocpp1.6")
    assert verdict.accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert verdict.response() == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
    )


@pytest.mark.demand("S9")
@pytest.mark.parametrize(
    ("request_head", "identity", "subprotocol"),
    [
        (head("/ocpp/1.6/CP1", authorization=basic(b"CP1:secret")), "CP1", "ocpp1.6"),
        (head("/CP1/?token=x", authorization=basic(b"CP1:secret")), "CP1", "ocpp1.6"),
        (head("/CP1/CP1", authorization=basic(b"CP1:secret")), "CP1", "ocpp1.6"),
        (head("/%20CP1%20", authorization=basic(b"CP1:secret")), "CP1", "ocpp1.6"),
        (head("/x/CP%202%2Fb", authorization=basic(b"CP 2/b:00FF41")), "CP 2/b", "ocpp1.6"),
        (head("/x/CP%202%2Fb", authorization=basic(b"CP 2/b:\x00\xffA")), "CP 2/b", "ocpp1.6"),
        (head("/OPEN"), "OPEN", "ocpp1.6"),
        (head("/OPEN", authorization="rubbish"), "OPEN", "ocpp1.6"),
        (head("/OPEN", sec_websocket_protocol="ocpp2.0.1, ocpp1.6"), "OPEN", "ocpp1.6"),
        (head("/OPEN", sec_websocket_protocol=["ocpp0.1", "ocpp1.6"]), "OPEN", "ocpp1.6"),
        (head("/OPEN", sec_websocket_protocol="OCPP1.6"), "OPEN", "OCPP1.6"),
        (head("/OPEN", drop=("upgrade", "connection", "sec-websocket-version")), "OPEN", "ocpp1.6"),
        (head("/OPEN", origin="file://"), "OPEN", "ocpp1.6"),
        (head("/PLAIN", drop=("sec-websocket-protocol",)), "PLAIN", None),
        (head("/PLAIN", sec_websocket_protocol=""), "PLAIN", None),
        (head("/PLAIN"), "PLAIN", "ocpp1.6"),
        (head("/NEAR", source="192.0.2.15"), "NEAR", "ocpp1.6"),
        (head("/NEAR", source="::ffff:192.0.2.15"), "NEAR", "ocpp1.6"),
        (head("/NEAR", source="2001:db8::7"), "NEAR", "ocpp1.6"),
    ],
)
def test_who_gets_in(request_head: RequestHead, identity: str, subprotocol: str | None) -> None:
    verdict = doorkeeper().judge(request_head, 0.0, commissioning=False)

    assert isinstance(verdict, Admitted), verdict
    assert (verdict.identity, verdict.subprotocol) == (identity, subprotocol)


@pytest.mark.demand("S4", "S9")
@pytest.mark.parametrize(
    ("request_head", "status", "event"),
    [
        (head(), 401, "login refused"),
        (head(authorization=basic(b"CP1:wrong")), 401, "login refused"),
        (head(authorization=basic(b"CP1:")), 401, "login refused"),
        (head(authorization=basic(b"OPEN:secret")), 401, "login refused"),
        (head(authorization=basic(b"cp1:secret")), 401, "login refused"),
        (head(authorization="Basic ????"), 401, "login refused"),
        (head(authorization="Digest x"), 401, "login refused"),
        (head(authorization="Basic " + "Q" * 8_000), 401, "login refused"),
        (head(authorization=[basic(b"CP1:secret"), basic(b"CP1:secret")]), 401, "login refused"),
        (head("/NONE", authorization=basic(b"NONE:")), 401, "login refused"),
        (head("/NEAR", source="192.0.2.16"), 401, "login refused"),
        (head("/NEAR", source="nowhere"), 401, "login refused"),
        (head("/CP9", authorization=basic(b"CP9:secret")), 404, "unknown identity"),
        (head("/cp1", authorization=basic(b"cp1:secret")), 404, "unknown identity"),
        (head("/"), 400, "handshake refused"),
        (head("//?x"), 400, "handshake refused"),
        (head("/%0aCP1"), 404, "unknown identity"),
        (head("/CP%00"), 400, "handshake refused"),
        (head("/CP%ff"), 400, "handshake refused"),
        (head("/" + "x" * 300), 400, "handshake refused"),
        (head("/OPEN", method="POST"), 405, "handshake refused"),
        (head("/OPEN", drop=("sec-websocket-key",)), 426, "handshake refused"),
        (head("/OPEN", sec_websocket_key=""), 400, "handshake refused"),
        (head("/OPEN", sec_websocket_key=[KEY, KEY]), 400, "handshake refused"),
        (head("/OPEN", sec_websocket_version="8"), 426, "handshake refused"),
        (head("/OPEN", sec_websocket_protocol="ocpp0.1"), 400, "handshake refused"),
        (head("/OPEN", drop=("sec-websocket-protocol",)), 400, "handshake refused"),
        (head("/PLAIN", sec_websocket_protocol="ocpp2.0.1"), 400, "handshake refused"),
    ],
)
def test_who_does_not(request_head: RequestHead, status: int, event: str) -> None:
    verdict = doorkeeper().judge(request_head, 0.0, commissioning=False)

    assert isinstance(verdict, Refused), verdict
    # a line feed is stripped from around an identity like a space, which leaves CP1 without its password
    assert (verdict.status, verdict.event) == (
        (401, "login refused") if "%0a" in request_head.target else (status, event)
    )
    response = verdict.response()
    assert response.startswith(b"HTTP/1.1 %d " % verdict.status)
    assert b"Connection: close" in response
    assert b"secret" not in response


def test_a_refused_login_is_asked_for_basic() -> None:
    verdict = doorkeeper().judge(head(), 0.0, commissioning=False)

    assert isinstance(verdict, Refused)
    assert b'\r\nWWW-Authenticate: Basic realm="charge points"' in verdict.response()


def test_the_window_lets_unknown_ones_in_and_only_those() -> None:
    keeper = doorkeeper()
    unknown = keeper.judge(head("/NEW"), 0.0, commissioning=True)
    wrong = keeper.judge(head(authorization=basic(b"CP1:wrong")), 0.0, commissioning=True)

    assert isinstance(unknown, Admitted)
    assert (unknown.identity, unknown.known) == ("NEW", False)
    assert isinstance(wrong, Refused)


def test_the_sixth_failure_is_told_to_wait_and_the_right_one_elsewhere_is_not() -> None:
    keeper = doorkeeper()
    wrong = head(authorization=basic(b"CP1:wrong"))
    right = head(authorization=basic(b"CP1:secret"))
    verdicts = [keeper.judge(wrong, float(second), commissioning=False) for second in range(6)]
    here = keeper.judge(right, 6.0, commissioning=False)
    elsewhere = keeper.judge(head(authorization=basic(b"CP1:secret"), source="192.0.2.2"), 6.0, commissioning=False)
    later = keeper.judge(right, 66.0, commissioning=False)

    assert [verdict.status for verdict in verdicts if isinstance(verdict, Refused)] == [401] * 5 + [429]
    assert isinstance(here, Refused)
    assert b"\r\nRetry-After: 55\r\n" in here.response()
    assert isinstance(elsewhere, Admitted)
    assert isinstance(later, Admitted)


def test_a_scan_of_identities_is_told_to_wait_and_a_right_login_from_there_is_not() -> None:
    keeper = doorkeeper()
    verdicts = [keeper.judge(head(f"/X{number}"), 0.0, commissioning=False) for number in range(8)]
    right = keeper.judge(head(authorization=basic(b"CP1:secret")), 1.0, commissioning=False)

    assert [verdict.status for verdict in verdicts if isinstance(verdict, Refused)] == [404] * 5 + [429] * 3
    assert isinstance(right, Admitted)


def test_the_identity_is_the_last_segment() -> None:
    assert identity_of("/a/b/c") == "c"
    assert identity_of("/a/b/c///") == "c"
    assert identity_of("/S%C3%A4ule#x") == "Säule"
    assert identity_of("/a%20b+c") == "a b+c"
    with pytest.raises(ValueError, match="names no charge point"):
        identity_of("")

"""The file as a whole: TOML text → :class:`Settings`, with every mistake said at once."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from chargemon_edge.balancing.policy import Policy
from chargemon_edge.config import tables
from chargemon_edge.config.reader import read
from chargemon_edge.control.authorisation import AuthorisationSettings
from chargemon_edge.csms import settings as charger_settings
from chargemon_edge.csms.settings import ChargePointAccess, CsmsSettings
from chargemon_edge.meters import settings as meter_settings
from chargemon_edge.meters.settings import MeterSettings
from chargemon_edge.site.layout import MeterPlace, Site, mistakes
from chargemon_edge.store import settings as store_settings
from chargemon_edge.store.settings import StoreSettings
from chargemon_edge.web.settings import WebSettings


class ConfigError(Exception):
    """The configuration cannot be used; *mistakes* holds one line for each thing to mend."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class File(msgspec.Struct, frozen=True, kw_only=True):
    """The tables of the file, as they are written."""

    site: tables.SiteTable = tables.SiteTable()
    circuit: tuple[tables.CircuitTable, ...] = ()
    charge_point: tuple[tables.ChargePointTable, ...] = ()
    meter: tuple[MeterSettings, ...] = ()
    authorisation: tables.AuthorisationTable = tables.AuthorisationTable()
    id_tag: tuple[tables.IdTagTable, ...] = ()
    chargers: CsmsSettings = CsmsSettings()
    page: WebSettings = WebSettings()
    store: StoreSettings = StoreSettings()
    balancing: Policy = Policy()
    log: tables.LogTable = tables.LogTable()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What each room is told."""

    site: Site
    meters: tuple[MeterSettings, ...]
    authorisation: AuthorisationSettings
    chargers: CsmsSettings
    page: WebSettings
    store: StoreSettings
    balancing: Policy
    log_level: str


def load_file(path: Path) -> Settings:
    """The settings in the file at *path*; raises ConfigError, also for a file that cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read ({error.strerror}); check the path and its permissions"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: is not UTF-8 text ({error.reason} at byte {error.start})"]) from error
    return load(text, path.parent)


def load(text: str, folder: Path) -> Settings:
    """The settings that *text* describes; relative paths in it count from *folder*. Raises ConfigError."""
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"not valid TOML: {error}; {_toml_advice(str(error), text)}"]) from error
    wrong: list[str] = []
    file = read(File, document, "", wrong)
    if file is None:
        raise ConfigError(wrong)
    site = Site(
        name=file.site.name,
        circuits=tuple(one.noun() for one in file.circuit),
        charge_points=tuple(one.noun() for one in file.charge_point),
        meters=tuple(MeterPlace(name=one.name, circuit=one.circuit) for one in file.meter),
    )
    if site.circuits or site.charge_points or site.meters:
        wrong.extend(mistakes(site))
    wrong.extend(_access_mistakes(file, folder))
    chargers = replace(file.chargers, charge_points=tuple(_access(one, folder) for one in file.charge_point))
    wrong.extend(_room_mistakes(file, chargers))
    if wrong:
        raise ConfigError(wrong)
    return Settings(
        site=site,
        meters=file.meter,
        authorisation=AuthorisationSettings(
            accept_unknown=file.authorisation.accept_unknown, id_tags=tuple(one.noun() for one in file.id_tag)
        ),
        chargers=chargers,
        page=file.page,
        store=replace(file.store, directory=str(folder / file.store.directory)),
        balancing=file.balancing,
        log_level=file.log.level,
    )


def _access(table: tables.ChargePointTable, folder: Path) -> ChargePointAccess:
    return ChargePointAccess(
        identity=table.identity,
        password_file=None if table.password_file is None else folder / table.password_file,
        allow_without_password=table.allow_without_password,
        sources=table.sources,
        subprotocol_optional=table.subprotocol_optional,
        ping=table.websocket_ping,
        start_answer_delay_s=table.start_answer_delay_s,
    )


def _access_mistakes(file: File, folder: Path) -> list[str]:
    wrong = []
    for table in file.charge_point:
        who = f"charge point {table.identity!r}"
        if table.password_file is None:
            continue
        try:
            if not (folder / table.password_file).read_bytes().strip():
                wrong.append(f"{who}: password_file {table.password_file!r} is empty")
        except OSError as error:
            wrong.append(f"{who}: password_file {table.password_file!r} cannot be read ({error.strerror})")
    return wrong


def _room_mistakes(file: File, chargers: CsmsSettings) -> list[str]:
    """What each room finds wrong in its own settings."""
    wrong = [f"meter {one.name!r}: {words}" for one in file.meter for words in meter_settings.mistakes(one)]
    wrong += [f"store: {words}" for words in store_settings.mistakes(file.store)]
    wrong += [f"balancing: {words}" for words in file.balancing.mistakes()]
    wrong += charger_settings.mistakes(chargers)
    if file.chargers.charge_points:
        wrong.append("chargers.charge_points: write each charger as a [[charge_point]] table")
    if file.chargers.port == file.page.port != 0:
        wrong.append(f"chargers.port and page.port are both {file.page.port}; the two networks need their own")
    return wrong


def _toml_advice(message: str, text: str) -> str:
    found = re.search(r"line (\d+)", message)
    if found is None:
        return "check that every quote and bracket is closed"
    line = text.splitlines()[int(found[1]) - 1 : int(found[1])]
    return f"the line reads {line[0].strip()!r}" if line else "check the end of the file"

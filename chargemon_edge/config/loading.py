"""The configuration as a whole: TOML → :class:`Settings`, with every mistake said at once."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import msgspec
from msgspec.structs import replace

from chargemon_edge.balancing.policy import Policy
from chargemon_edge.clock.settings import ClockSettings
from chargemon_edge.config import tables
from chargemon_edge.config.charger_models import catalogue
from chargemon_edge.config.files import UnreadableError, merge, parse, read_texts
from chargemon_edge.config.reader import read
from chargemon_edge.control.authorisation import AuthorisationSettings
from chargemon_edge.control.charger_models import SiteSays
from chargemon_edge.csms import settings as charger_settings
from chargemon_edge.csms.credentials import CredentialsError, read_credentials
from chargemon_edge.csms.settings import ChargePointAccess, CsmsSettings
from chargemon_edge.firmware import settings as files_settings
from chargemon_edge.firmware.settings import FilesSettings
from chargemon_edge.keys import settings as keys_settings
from chargemon_edge.keys.settings import KeysSettings
from chargemon_edge.meters import settings as meter_settings
from chargemon_edge.meters.settings import MeterSettings
from chargemon_edge.site.charger_model import Entry
from chargemon_edge.site.layout import MeterPlace, Site, mistakes
from chargemon_edge.store import settings as store_settings
from chargemon_edge.store.settings import StoreSettings
from chargemon_edge.upstream import settings as upstream_settings
from chargemon_edge.upstream.settings import UpstreamSettings
from chargemon_edge.web.settings import WebSettings

_FILES_OF_UPSTREAM = ("ca_file", "certificate_file", "key_file", "password_file")
# set by systemd for a service with LoadCredential=
HANDED_OVER = "CREDENTIALS_DIRECTORY"


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
    keys: KeysSettings = KeysSettings()
    upstream: tuple[UpstreamSettings, ...] = ()
    files: FilesSettings = FilesSettings()
    clock: ClockSettings = ClockSettings()
    log: tables.LogTable = tables.LogTable()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What each room is told."""

    site: Site
    meters: tuple[MeterSettings, ...]
    authorisation: AuthorisationSettings
    chargers: CsmsSettings
    models: Mapping[str, SiteSays]
    """What the site says of each charge point's model."""
    catalogue: tuple[Entry, ...]
    page: WebSettings
    store: StoreSettings
    balancing: Policy
    keys: KeysSettings
    upstreams: tuple[UpstreamSettings, ...]
    files: FilesSettings
    clock: ClockSettings
    log_level: str


def load_file(path: Path) -> Settings:
    """The settings in the file at *path* and in ``conf.d`` beside it; raises ConfigError, also for unreadable files."""
    texts, unreadable = read_texts(path)
    return load_texts(texts, path.parent, unreadable=unreadable)


def load_texts(
    texts: Mapping[str, str], folder: Path, *, unreadable: Sequence[str] = (), shut_out: list[str] | None = None
) -> Settings:
    """The settings in *texts*, files by name; relative paths in them count from *folder*. Raises ConfigError.

    *unreadable*: mistakes that were found before. *shut_out*: charge points whose password cannot be read are no
    mistake but added there; they stay on the site and cannot get in.
    """
    documents, untoml = merge(texts)
    if unreadable or untoml:
        raise ConfigError([*unreadable, *untoml])
    try:
        return settings_of(documents.document, folder, shut_out=shut_out)
    except ConfigError as error:
        raise ConfigError([documents.located(mistake) for mistake in error.mistakes]) from error


def load(text: str, folder: Path) -> Settings:
    """The settings that *text* describes; relative paths in it count from *folder*. Raises ConfigError."""
    try:
        document = parse(text)
    except UnreadableError as error:
        raise ConfigError(error.mistakes) from error
    return settings_of(document, folder)


def settings_of(document: Mapping[str, Any], folder: Path, *, shut_out: list[str] | None = None) -> Settings:
    """The settings in one TOML document; the rest as in :func:`load_texts`."""
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
    closed = _access_mistakes(file, folder)
    if shut_out is None:
        wrong.extend(words for mistakes_of in closed.values() for words in mistakes_of)
    else:
        shut_out.extend(closed)
    wrong.extend(_model_mistakes(file))
    access = (_access(one, folder) for one in file.charge_point if shut_out is None or one.identity not in closed)
    chargers = replace(file.chargers, charge_points=tuple(access))
    wrong.extend(_room_mistakes(file, chargers, folder))
    if wrong:
        raise ConfigError(wrong)
    return Settings(
        site=site,
        meters=file.meter,
        authorisation=AuthorisationSettings(
            accept_unknown=file.authorisation.accept_unknown,
            local_lists=file.authorisation.local_lists,
            id_tags=tuple(one.noun() for one in file.id_tag),
        ),
        chargers=chargers,
        models={table.identity: table.says() for table in file.charge_point},
        catalogue=catalogue(),
        page=file.page,
        store=replace(file.store, directory=str(folder / file.store.directory)),
        balancing=file.balancing,
        keys=_keys(file.keys, folder),
        upstreams=tuple(_upstream(one, folder) for one in file.upstream),
        files=_files(file.files, folder),
        clock=file.clock,
        log_level=file.log.level,
    )


def secret_path(folder: Path, name: str) -> Path:
    """Where the secret *name* lies, a path that counts from *folder*.

    Under systemd, what is in ``credentials/`` is root's alone; the daemon finds copies in a folder of its own, under
    names that LoadCredential=credentials:… gives them (systemd.exec(5)).
    """
    handed_over, parts = os.environ.get(HANDED_OVER), PurePath(name).parts
    if handed_over is not None and parts[:1] == ("credentials",):
        return Path(handed_over) / "_".join(parts)
    return folder / name


def _keys(settings: KeysSettings, folder: Path) -> KeysSettings:
    files = ("server_certificate", "server_certificate_rsa", "charger_authorities", "server_root")
    named = {name: getattr(settings, name) for name in files}
    return replace(
        settings, **{name: str(secret_path(folder, path)) for name, path in named.items() if path is not None}
    )


def _upstream(settings: UpstreamSettings, folder: Path) -> UpstreamSettings:
    named = {name: getattr(settings, name) for name in _FILES_OF_UPSTREAM}
    return replace(
        settings, **{name: str(secret_path(folder, path)) for name, path in named.items() if path is not None}
    )


def _upstream_mistakes(file: File, folder: Path) -> list[str]:
    wrong = [f"upstream {one.name!r}: {words}" for one in file.upstream for words in upstream_settings.mistakes(one)]
    for one in file.upstream:
        for name in _FILES_OF_UPSTREAM:
            path = getattr(one, name)
            try:
                if path is not None:
                    secret_path(folder, path).read_bytes()
            except OSError as error:
                wrong.append(f"upstream {one.name!r}: {name} {path!r} cannot be read ({error.strerror}){_advice()}")
    return wrong + upstream_settings.mistakes_together(file.upstream)


def _files(settings: FilesSettings, folder: Path) -> FilesSettings:
    authorities, directory = settings.signing_authorities, settings.directory
    return replace(
        settings,
        directory=None if directory is None else str(folder / directory),
        signing_authorities=None if authorities is None else str(secret_path(folder, authorities)),
    )


def _access(table: tables.ChargePointTable, folder: Path) -> ChargePointAccess:
    return ChargePointAccess(
        identity=table.identity,
        password_file=None if table.password_file is None else secret_path(folder, table.password_file),
        security_profile=table.security_profile,
        allow_without_password=table.allow_without_password,
        sources=table.sources,
    )


def _access_mistakes(file: File, folder: Path) -> dict[str, list[str]]:
    """What is wrong with the passwords, by identity."""
    wrong: dict[str, list[str]] = {}
    for table in file.charge_point:
        who = f"charge point {table.identity!r}"
        if table.password_file is None:
            continue
        try:
            if not secret_path(folder, table.password_file).read_bytes().strip():
                wrong[table.identity] = [f"{who}: password_file {table.password_file!r} is empty"]
            else:
                read_credentials([_access(table, folder)])
        except OSError as error:
            words = f"{who}: password_file {table.password_file!r} cannot be read ({error.strerror}){_advice()}"
            wrong[table.identity] = [words]
        except CredentialsError as error:
            wrong[table.identity] = error.mistakes
    return wrong


def _advice() -> str:
    if HANDED_OVER not in os.environ:
        return ""
    return "; systemd hands new passwords over only at a start: systemctl restart chargemon-edge"


def _model_mistakes(file: File) -> list[str]:
    there = [entry.identifier for entry in catalogue()]
    return [
        f"charge point {table.identity!r}: model {table.model!r} is not in the catalogue; it knows {', '.join(there)}"
        for table in file.charge_point
        if table.model is not None and table.model not in there
    ]


def _ports_of_files(file: File) -> Iterator[str]:
    others = {"chargers.port": file.chargers.port, "chargers.tls_port": file.chargers.tls_port}
    others |= {"chargers.mutual_tls_port": file.chargers.mutual_tls_port, "page.port": file.page.port}
    for name in ("ftp_port", "ftps_port"):
        port = getattr(file.files, name)
        yield from (
            f"files.{name} and {other} are both {port}" for other, taken in others.items() if port and taken == port
        )


def _room_mistakes(file: File, chargers: CsmsSettings, folder: Path) -> list[str]:
    """What each room finds wrong in its own settings."""
    wrong = [f"meter {one.name!r}: {words}" for one in file.meter for words in meter_settings.mistakes(one)]
    wrong += [f"store: {words}" for words in store_settings.mistakes(file.store)]
    wrong += [f"balancing: {words}" for words in file.balancing.mistakes()]
    wrong += charger_settings.mistakes(chargers)
    wrong += _upstream_mistakes(file, folder)
    wrong += [f"keys: {words}" for words in keys_settings.mistakes(file.keys)]
    tls = chargers.tls_port is not None or chargers.mutual_tls_port is not None
    wrong += [f"files: {words}" for words in files_settings.mistakes(file.files, tls=tls)]
    wrong += _ports_of_files(file)
    if file.chargers.charge_points:
        wrong.append("chargers.charge_points: write each charger as a [[charge_point]] table")
    for name in ("port", "tls_port", "mutual_tls_port"):
        if getattr(file.chargers, name) == file.page.port != 0:
            wrong.append(f"chargers.{name} and page.port are both {file.page.port}; the two networks need their own")
    return wrong

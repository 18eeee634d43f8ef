"""How each known device is protected, as far as the devices file and the record tell."""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from vigil_host.devices import KnownDevice
from vigil_host.limits import settings_in
from vigil_host.store import Store
from vigil_wire import link, records, settings
from vigil_wire.settings import SettingsError

REFUSED = ("forged", "out_of_order", "malformed", "other_version", "unknown_message", "unproven", "turned_away")
"""Short names for `link.REFUSALS`, in its order."""

_SERVICES = {settings.SERVICES_OFF: "off", settings.SERVICES_BONDED: "bonded", settings.SERVICES_OPEN: "open"}


@dataclass(frozen=True)
class Protection:
    """What differs from device to device; None is not known yet.

    Adverts are always encrypted and the record link always sealed, with the device's own key. `standard_services`: off,
    bonded (for who has paired) or open (for everybody), as they are in effect. `can_pair`: whether its radio can.
    `changes_address`: every fifteen minutes, so that strangers cannot follow it. `refused`: what the device has refused
    since it was switched on, by REFUSED, as it said at `refused_utc_ms`.
    """

    key_since: datetime.date | None
    next_key_since: datetime.date | None
    standard_services: str | None = None
    can_pair: bool | None = None
    changes_address: bool | None = None
    refused: dict[str, int] | None = None
    refused_utc_ms: int | None = None


def protection_of(devices: Iterable[KnownDevice], store: Store | None) -> dict[str, Protection]:
    """Return the protection of each device by its id; `store` None: there is no record yet. Raises StoreError."""
    told = {} if store is None else {each.id: each for each in store.devices()}
    found = {}
    for device in devices:
        days = device.key_since, device.next_key_since
        services = _services(store.newest_record(device.id, records.SETTINGS)) if store else None
        said = told.get(device.id)
        if said is None or said.flags is None:
            found[device.id] = Protection(*days, services)
            continue
        can_pair = bool(said.flags & link.CAN_PAIR)
        if services == "bonded" and not can_pair:
            services = "off"  # the device offers none to nobody
        refused = None if said.refused is None else dict(zip(REFUSED, said.refused, strict=True))
        changes_address = bool(said.flags & link.ADDRESS_CHANGES)
        found[device.id] = Protection(*days, services, can_pair, changes_address, refused, said.refused_utc_ms)
    return found


def _services(record: bytes | None) -> str | None:
    """What a settings record says of the standard services; None where another version of the firmware wrote it."""
    if record is None:
        return None
    try:
        return _SERVICES[settings_in(record).standard_services]
    except SettingsError:
        return None

"""The ledger: every record exactly once, on disk before the device is told so."""

from vigil_host.store.alarms import LiveBits
from vigil_host.store.ledger import CommitResult, Gap
from vigil_host.store.opening import StoreError
from vigil_host.store.queries import Alarm, Audit, TrendRow, UntimedReadings
from vigil_host.store.store import Store

__all__ = ["Alarm", "Audit", "CommitResult", "Gap", "LiveBits", "Store", "StoreError", "TrendRow", "UntimedReadings"]

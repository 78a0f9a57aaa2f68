"""Everything that a Hookyard plugin in Python uses.

A plugin is one function. It returns when the event is handled, and raises `Reject` or `Retry` when it is not:

    from hookyard import Delivery, Reject, log, plugin
    from gen.topi_saas import Event, OfferAcceptedByUser

    @plugin
    def handle(event: Event, delivery: Delivery) -> None:
        ...
"""

from . import http, log
from .handler import Delivery, Header, Message, plugin, untyped
from .money import decimal, minor_units
from .outbox import send, send_json
from .outcome import HostError, Reject, Retry
from .responder import respond, respond_json
from .settings import setting, setting_as, settings
from .store import Bucket

__all__ = [
    "Bucket",
    "Delivery",
    "Header",
    "HostError",
    "Message",
    "Reject",
    "Retry",
    "decimal",
    "http",
    "log",
    "minor_units",
    "plugin",
    "respond",
    "respond_json",
    "send",
    "send_json",
    "setting",
    "setting_as",
    "settings",
    "untyped",
]

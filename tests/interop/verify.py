"""Verifies deliveries by `standardwebhooks` of PyPI, as a receiver in Python would.

Each must be taken as it came and refused with one byte changed. The file that is named is the one that verify.mjs reads;
of other schemes there is no published library here, and their deliveries are left to it.
"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError


def is_refused(webhook, body, headers):
    try:
        webhook.verify(body, headers)
    except WebhookVerificationError:
        return True
    return False


def changed(body):
    for at in (0, len(body) // 2, len(body) - 1):
        yield body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


with open(sys.argv[1], encoding="utf-8") as file:
    deliveries = json.load(file)
for delivery in deliveries:
    if delivery["scheme"] != "standard-webhooks":
        continue
    body, headers = delivery["body"].encode(), delivery["headers"]
    for secret in delivery["keys"]:
        webhook = Webhook(secret)
        webhook.verify(body, headers)
        for forged in changed(body):
            assert is_refused(webhook, forged, headers), f"{delivery['name']} is taken although it was changed"
        print("python", delivery["name"], headers["webhook-id"])

"""Signs requests with `slack_sdk` of PyPI. sign.mjs describes the orders and the output."""

import json
import sys

from slack_sdk.signature import SignatureVerifier


def sign(order):
    verifier = SignatureVerifier(order["secret"])
    time = str(order["time"])
    signature = verifier.generate_signature(timestamp=time, body=order["body"])
    return {"headers": {"x-slack-request-timestamp": time, "x-slack-signature": signature}}


with open(sys.argv[1], encoding="utf-8") as file:
    orders = json.load(file)
print(json.dumps({order["name"]: sign(order) for order in orders if order["signer"] == "slack_sdk"}))

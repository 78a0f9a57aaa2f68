// Judges requests with the libraries of npm with which senders let their receivers verify.
//
// The file in the argument has a list of requests: {judge, headers, body, key}. The script prints a list of booleans:
// whether the library accepts the request.
import { webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import https from 'node:https'
import { Readable } from 'node:stream'
import adyen from '@adyen/api-library'
import { LinearWebhookClient } from '@linear/sdk/webhooks'
import { verifyWebhookSignature } from '@notionhq/client'
import { Paddle } from '@paddle/paddle-node-sdk'
import sendgrid from '@sendgrid/eventwebhook'
import bolt from '@slack/bolt'
import { verifyKey } from 'discord-interactions'
import MessageValidator from 'sns-validator'

globalThis.crypto ??= webcrypto // `discord-interactions` needs the global, which Node 18 does not define

const judges = {
  adyen: ({ body, key }) => {
    const [item] = JSON.parse(body).notificationItems
    return new adyen.hmacValidator().validateHMAC(item.NotificationRequestItem, key)
  },

  'adyen-platform': ({ headers, body, key }) =>
    new adyen.hmacValidator().validateHMACSignature(key, headers.hmacsignature, body),

  discord: ({ headers, body, key }) =>
    verifyKey(body, headers['x-signature-ed25519'], headers['x-signature-timestamp'], key),

  linear: ({ headers, body, key }) => {
    try {
      return new LinearWebhookClient(key).verify(Buffer.from(body), headers['linear-signature'])
    } catch {
      return false
    }
  },

  notion: ({ headers, body, key }) =>
    verifyWebhookSignature({ body, signature: headers['x-notion-signature'], verificationToken: key }),

  paddle: ({ headers, body, key }) =>
    new Paddle('no key of the API').webhooks.isSignatureValid(body, key, headers['paddle-signature']),

  sendgrid: ({ headers, body, key }) => {
    const library = new sendgrid.EventWebhook()
    const signature = headers['x-twilio-email-event-webhook-signature']
    const time = headers['x-twilio-email-event-webhook-timestamp']
    return library.verifySignature(library.convertPublicKeyToECDSA(key), body, signature, time)
  },

  slack: ({ headers, body, key }) => bolt.isValidSlackRequest({ signingSecret: key, headers, body }),

  // The validator fetches certificates only by HTTPS and from Amazon. The key is therefore the certificate that this
  // `get` returns for any URL.
  sns: ({ body, key }) => {
    https.get = (_, respond) => {
      respond(Object.assign(Readable.from([key]), { statusCode: 200 }))
      return { on: () => {} }
    }
    const message = { ...JSON.parse(body), SigningCertURL: 'https://sns.eu-west-1.amazonaws.com/certificate.pem' }
    return new Promise((resolve) => new MessageValidator().validate(message, (error) => resolve(!error)))
  },
}

const verdicts = []
for (const request of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  verdicts.push(await judges[request.judge](request))
}
console.log(JSON.stringify(verdicts))

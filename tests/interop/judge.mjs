// Judges requests with the libraries of npm that only verify: those of Slack, Discord and Amazon SNS.
//
// The file in the argument has a list of requests: {judge, headers, body, key}. The script prints a list of booleans:
// whether the library accepts the request.
import { webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import https from 'node:https'
import { Readable } from 'node:stream'
import bolt from '@slack/bolt'
import { verifyKey } from 'discord-interactions'
import MessageValidator from 'sns-validator'

globalThis.crypto ??= webcrypto // `discord-interactions` needs the global, which Node 18 does not define

const judges = {
  slack: ({ headers, body, key }) => bolt.isValidSlackRequest({ signingSecret: key, headers, body }),

  discord: ({ headers, body, key }) =>
    verifyKey(body, headers['x-signature-ed25519'], headers['x-signature-timestamp'], key),

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

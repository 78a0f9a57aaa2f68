// Verifies deliveries by `standardwebhooks` and `jose` of npm, as a receiver in Node would; `v1a` signatures, which the
// former skips, and bare HMACs, for which there is no library, by Node's own cryptography. Each must be taken as it came and refused with one byte changed.
//
// The file that is named holds a list of {name, scheme, headers, body} with the `keys` by each of which alone it must
// verify. A line is written for each; the first check that fails ends it all.
import { createHmac, createPublicKey, timingSafeEqual, verify, webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { compactVerify, importJWK } from 'jose'
import { Webhook } from 'standardwebhooks'

globalThis.crypto ??= webcrypto // `jose` expects it there, and Node 18 doesn't put it there

const schemes = {
  'standard-webhooks': async (secret, { headers, body }) => void new Webhook(secret).verify(body, headers),

  v1a: async (key, { headers, body }) => {
    const raw = Buffer.from(key.replace(/^whpk_/, ''), 'base64')
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' })
    const signed = Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`)
    const signatures = headers['webhook-signature'].split(' ').map((entry) => entry.split(','))
    const fits = ([version, text]) => version === 'v1a' && verify(null, signed, publicKey, Buffer.from(text, 'base64'))
    if (!signatures.some(fits)) throw new Error('no v1a signature fits')
  },

  hmac: async (secret, { headers, body }) => {
    const expected = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
    const given = headers['x-partner-signature']
    const fits = given.length === expected.length && timingSafeEqual(Buffer.from(given), Buffer.from(expected))
    if (!fits) throw new Error('the HMAC does not fit')
  },

  'jws-detached': async (jwk, { headers, body }) => {
    const [head, payload, signature] = headers['x-partner-signature'].split('.')
    if (payload !== '') throw new Error('the payload is not detached')
    const token = `${head}.${Buffer.from(body).toString('base64url')}.${signature}`
    const { protectedHeader } = await compactVerify(token, await importJWK(jwk), { algorithms: [jwk.alg] })
    if (protectedHeader.kid !== jwk.kid) throw new Error(`the key is said to be ${protectedHeader.kid}`)
  },
}

const refuses = (check) => check.then(() => false, () => true)

// With one byte of the body changed, or of the signature.
function* changed(delivery) {
  const { headers, body } = delivery
  for (const at of [0, body.length >> 1, body.length - 1]) {
    const other = String.fromCharCode(body.charCodeAt(at) ^ 1)
    yield { headers, body: body.slice(0, at) + other + body.slice(at + 1) }
  }
  const name = headers['webhook-signature'] ? 'webhook-signature' : 'x-partner-signature'
  const swap = (text) => text.replace(/[A-Za-z]/g, (letter) => (letter === 'A' ? 'B' : 'A'))
  const signature = headers[name].split(' ').map((entry) => entry.replace(/[^.,]+$/, swap)).join(' ')
  yield { headers: { ...headers, [name]: signature }, body }
}

for (const delivery of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  const check = schemes[delivery.scheme]
  for (const key of delivery.keys) {
    await check(key, delivery)
    for (const forged of changed(delivery)) {
      if (!(await refuses(check(key, forged)))) throw new Error(`${delivery.name} is taken although it was changed`)
    }
    console.log(`node ${delivery.name} ${delivery.headers['webhook-id']}`)
  }
}

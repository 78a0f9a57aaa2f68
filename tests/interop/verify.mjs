// Verifies deliveries with `standardwebhooks` and `jose` of npm, as a receiver in Node would. Node's own cryptography verifies
// `v1a` signatures, which `standardwebhooks` ignores, and plain HMACs. Each delivery must verify unchanged and fail with one
// byte changed.
//
// The file in the argument has a list of {name, scheme, headers, body, keys}. Each of the `keys` alone must verify the
// delivery. The script prints a line for each check and ends at the first failure.
import { createHmac, createPublicKey, timingSafeEqual, verify, webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { compactVerify, importJWK } from 'jose'
import { Webhook } from 'standardwebhooks'

globalThis.crypto ??= webcrypto // `jose` needs the global, which Node 18 does not define

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
    if (protectedHeader.kid !== jwk.kid) throw new Error(`the key id is ${protectedHeader.kid}`)
  },
}

const refuses = (check) => check.then(() => false, () => true)

// Changes one byte of the body or of the signature.
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

// Signs requests with the libraries of npm that senders publish or use.
//
// The file in the argument has a list of orders: {name, signer, url, type, body, id, time, secret, key, kid, ...}. `type`
// is the media type of the body, and `time` is in seconds. `key` is a private key as JWK or PEM, and `kid` is its id or
// null. The script prints an object with a request for each order of its signers: {headers, query}, with the headers
// and the query that the signer adds.
import { constants, createHash, createPrivateKey, sign as signBytes, webcrypto } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { sign as signForGitHub } from '@octokit/webhooks-methods'
import { createSigner, httpbis } from 'http-message-signatures'
import { FlattenedSign, SignJWT } from 'jose'
import { Webhook as StandardWebhook } from 'standardwebhooks'
import Stripe from 'stripe'
import { Webhook as SvixWebhook } from 'svix'
import nacl from 'tweetnacl'
import twilio from 'twilio'

globalThis.crypto ??= webcrypto // `jose` needs the global, which Node 18 does not define

const signers = {
  svix: ({ secret, id, time, body }) => standard('svix', new SvixWebhook(secret), id, time, body),

  standardwebhooks: ({ secret, id, time, body }) => standard('webhook', new StandardWebhook(secret), id, time, body),

  stripe: ({ secret, time, body }) => ({
    headers: {
      'stripe-signature': Stripe.webhooks.generateTestHeaderString({ secret, payload: body, timestamp: time }),
    },
  }),

  octokit: async ({ secret, body }) => ({ headers: { 'x-hub-signature-256': await signForGitHub(secret, body) } }),

  // The library takes the fields of a form as an object, in which the values of a repeated field are an array.
  twilio: ({ secret, url, body, type }) => {
    if (type === 'application/x-www-form-urlencoded') {
      const form = new URLSearchParams(body)
      const fields = Object.fromEntries([...form.keys()].map((name) => [name, form.getAll(name)]))
      const headers = { 'x-twilio-signature': twilio.getExpectedTwilioSignature(secret, url, fields) }
      return { headers, query: new URL(url).search }
    }
    const query = `?bodySHA256=${twilio.getExpectedBodyHash(body)}`
    return { query, headers: { 'x-twilio-signature': twilio.getExpectedTwilioSignature(secret, url + query, {}) } }
  },

  // Discord's own library only verifies; its documentation names `tweetnacl`.
  tweetnacl: ({ key, time, body }) => {
    const { secretKey } = nacl.sign.keyPair.fromSeed(Buffer.from(JSON.parse(key).d, 'base64url'))
    const signature = nacl.sign.detached(Buffer.from(time + body), secretKey)
    return {
      headers: {
        'x-signature-timestamp': String(time),
        'x-signature-ed25519': Buffer.from(signature).toString('hex'),
      },
    }
  },

  'jose-detached': async ({ key, alg, kid, header, body }) => {
    const signer = new FlattenedSign(Buffer.from(body)).setProtectedHeader({ alg, kid })
    const { protected: head, signature } = await signer.sign(privateKey(key))
    return { headers: { [header]: `${head}..${signature}` } }
  },

  'jose-jwt': async ({ key, alg, kid, claims, prefix = '', header }) => {
    const token = await new SignJWT(claims).setProtectedHeader({ alg, kid: kid ?? undefined, typ: 'JWT' }).sign(privateKey(key))
    return { headers: { [header]: prefix + token } }
  },

  // RFC 9421, with the digest of RFC 9530 in `content-digest`.
  'http-message-signatures': async ({ key, secret, alg, kid, components, time, url, type, body }) => {
    const digest = createHash('sha256').update(body).digest('base64')
    const request = { method: 'POST', url, headers: { 'content-type': type, 'content-digest': `sha-256=:${digest}:` } }
    const signed = await httpbis.signMessage({
      key: alg === 'rsa-pss-sha512' ? pssSigner(key, kid) : createSigner(secret ?? privateKey(key), alg, kid),
      fields: components,
      params: ['created', ...(kid ? ['keyid'] : []), 'alg'],
      paramValues: { created: new Date(time * 1000) },
    }, request)
    const { 'content-type': _, ...headers } = signed.headers
    return { headers, query: new URL(url).search }
  },
}

// What Svix and Standard Webhooks have in common: only the names of the headers differ.
const standard = (prefix, signer, id, time, body) => ({
  headers: {
    [`${prefix}-id`]: id,
    [`${prefix}-timestamp`]: String(time),
    [`${prefix}-signature`]: signer.sign(id, new Date(time * 1000), body),
  },
})

const privateKey = (text) => createPrivateKey(text.startsWith('{') ? { key: JSON.parse(text), format: 'jwk' } : text)

// The library's own signer for this algorithm has the longest possible salt. RFC 9421 (section 3.3.1) demands 64 bytes.
const pssSigner = (key, id) => ({
  id,
  alg: 'rsa-pss-sha512',
  sign: async (data) => signBytes('sha512', data, {
    key: privateKey(key),
    padding: constants.RSA_PKCS1_PSS_PADDING,
    saltLength: 64,
  }),
})

const signed = {}
for (const order of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  const sign = signers[order.signer]
  if (sign) signed[order.name] = await sign(order)
}
console.log(JSON.stringify(signed))

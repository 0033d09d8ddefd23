// The first admin of a product that was just started, as a test needs one.
import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

export const PASSWORD = 'seven green bicycles'

/**
 * The code of an authenticator app (RFC 6238: SHA-1, six digits, 30 s).
 *
 * @param {string} secret in base 32
 * @param {number} [step]
 */
export function totp(secret, step = Math.floor(Date.now() / 30_000)) {
  const bits = Array.from(secret, (letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'))
  const key = Buffer.from((bits.join('').match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const hash = createHmac('sha1', key).update(counter).digest()
  const at = (hash.at(-1) ?? 0) & 15
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

/**
 * The link by which the first admin is made.
 *
 * @param {import('./product.mjs').Product} product
 */
export async function setupLink(product) {
  return (await readFile(join(product.data, 'setup-link'), 'utf8')).trim()
}

/**
 * Makes the first admin, with his second factor, and leaves the page at the wall.
 *
 * @param {import('./page.mjs').Page} page
 * @param {import('./product.mjs').Product} product
 */
export async function becomeAdmin(page, product) {
  await page.goto(await setupLink(product))
  await page.getByLabel('Name', { exact: true }).fill('Ana Souza')
  await page.getByLabel('Login', { exact: true }).fill('ana')
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await page.getByLabel('Password once more').fill(PASSWORD)
  await page.getByRole('button', { name: 'Create the administrator' }).click()
  const shown = await page.locator('.totp-secret').textContent()
  await page.getByLabel('Six digits from the app').fill(totp((shown ?? '').replaceAll(' ', '')))
  await page.getByRole('button', { name: 'Confirm' }).click()
  await page.getByLabel('I have put them in a safe place').check()
  await page.getByRole('button', { name: 'Continue' }).click()
  await page.getByRole('link', { name: 'Cameras', exact: true }).waitFor()
}

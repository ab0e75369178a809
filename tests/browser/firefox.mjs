// Enrols a passkey and approves with it in Debian's Firefox, over its own remote protocol (Marionette): what to open on
// standard input as {"enrol","approve"}, what was seen on standard output, one JSON object.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'

const PREFERENCES = {
  'marionette.port': 0,
  'security.webauth.webauthn_enable_softtoken': true,
  'security.webauth.webauthn_enable_usbtoken': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'toolkit.telemetry.reportingpolicy.firstRun': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
}

const profile = mkdtempSync(join(tmpdir(), 'firefox-'))
writeFileSync(
  join(profile, 'user.js'),
  Object.entries(PREFERENCES).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`).join(''),
)
const program = process.env.AGENTPORT_TEST_FIREFOX || '/usr/bin/firefox-esr'
const firefox = spawn(program, ['--headless', '--marionette', '--no-remote', '--profile', profile], {
  stdio: 'ignore',
  env: { ...process.env, HOME: profile },
})

async function until(what, look) {
  for (let tries = 0; tries < 1200; tries += 1) {
    const found = await Promise.resolve().then(look).catch(() => null)
    if (found) return found
    await pause(100)
  }
  throw new Error(`${what} did not come`)
}

let socket
let buffer = Buffer.alloc(0)
const waiting = new Map()
let count = 0

function received(chunk) {
  buffer = Buffer.concat([buffer, chunk])
  for (;;) {
    const colon = buffer.indexOf(':')
    const length = Number(buffer.subarray(0, Math.max(colon, 0)).toString())
    if (colon < 0 || buffer.length < colon + 1 + length) return
    const message = JSON.parse(buffer.subarray(colon + 1, colon + 1 + length).toString())
    buffer = buffer.subarray(colon + 1 + length)
    if (!Array.isArray(message)) continue
    const [, id, error, result] = message
    const { resolve, reject } = waiting.get(id)
    waiting.delete(id)
    if (error) reject(new Error(`${error.error}: ${error.message}`))
    else resolve(result && 'value' in result ? result.value : result)
  }
}

function send(command, parameters = {}) {
  count += 1
  const line = JSON.stringify([0, count, command, parameters])
  return new Promise((resolve, reject) => {
    waiting.set(count, { resolve, reject })
    socket.write(`${Buffer.byteLength(line)}:${line}`)
  })
}

const open = url => send('WebDriver:Navigate', { url })
const run = script => send('WebDriver:ExecuteScript', { script, args: [] })
const click = selector =>
  until(selector, () => run(`const found = document.querySelector(${JSON.stringify(selector)}); if (!found || found.closest('[hidden]')) return false; found.click(); return true`))
const seen = selector =>
  until(selector, () => run(`return document.querySelector(${JSON.stringify(selector)})?.innerText || null`))

const results = {}
try {
  const { enrol, approve } = JSON.parse(await text(process.stdin))
  const port = await until('Firefox', () => Number(readFileSync(join(profile, 'MarionetteActivePort'), 'utf8')))
  socket = connect(port, '127.0.0.1')
  socket.on('data', received)
  const session = await send('WebDriver:NewSession', { capabilities: {} })
  results.version = session.capabilities.browserVersion
  const authenticatorId = await send('WebAuthn:AddVirtualAuthenticator', {
    protocol: 'ctap2',
    transport: 'internal',
    hasResidentKey: true,
    hasUserVerification: true,
    isUserConsenting: true,
    isUserVerified: true,
  })
  await open(enrol)
  await click('#make-passkey')
  await seen('.recovery')
  await send('WebAuthn:SetUserVerified', { authenticatorId, isUserVerified: false })
  await open(approve)
  await click('#approve-passkey')
  results.notVerified = await seen('[data-passkey] .problem')
  await send('WebAuthn:SetUserVerified', { authenticatorId, isUserVerified: true })
  await open(approve)
  await click('#approve-passkey')
  results.approved = await seen('.notice')
} catch (error) {
  results.error = error.message
} finally {
  // what it still writes would be in the way
  const ended = new Promise(resolve => firefox.once('exit', resolve))
  if (firefox.kill('SIGKILL')) await ended
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
}
process.stdout.write(`${JSON.stringify(results)}\n`)
process.exit(0)

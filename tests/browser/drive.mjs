// Drives Debian's Chromium for the tests: a JSON list of steps on standard input, a JSON list of results on standard
// output, one per step and {"sent"} at the end; see README.md. The first step that fails gives {"error"}, ends the run, and
// the exit code is 1.

import { createRequire } from 'node:module'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'

import { inspect } from './inspect.mjs'

const LAUNCH = {
  executablePath: process.env.AGENTPORT_TEST_CHROMIUM || '/usr/bin/chromium',
  headless: true,
  // The machine may have no way out: without these the browser calls its maker at every start.
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
}
const TIMEOUT_MS = 30_000

const STEPS = {
  async newContext({ viewport, colorScheme, javaScriptEnabled }) {
    await openContext(definedOnly({ viewport, colorScheme, javaScriptEnabled }))
    return { ok: true }
  },
  async authenticator({ verified = true }) {
    await addAuthenticator(verified)
    return { ok: true }
  },
  async verified({ verified }) {
    await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: verified })
    return { ok: true }
  },
  async open({ url }) {
    const response = await page.goto(url)
    return { url: page.url(), status: response?.status() ?? null, headers: response?.headers() ?? {} }
  },
  async fill({ selector, value }) {
    await page.fill(selector, value)
    return { ok: true }
  },
  async click({ selector }) {
    await page.click(selector)
    return { url: page.url() }
  },
  async waitFor({ selector }) {
    await page.waitForSelector(selector)
    return { url: page.url() }
  },
  async text({ selector }) {
    return { text: await page.locator(selector).innerText() }
  },
  async html() {
    return { html: await page.content() }
  },
  async evaluate({ js }) {
    return { value: (await page.evaluate(js)) ?? null }
  },
  async screenshot({ path, width, height, fullPage = false }) {
    if (width && height) await page.setViewportSize({ width, height })
    await page.screenshot({ path, fullPage, timeout: 120_000 })
    return { path, ...page.viewportSize() }
  },
  async inspect({ width, height, first, unfold }) {
    if (width && height) await page.setViewportSize({ width, height })
    const axe = `${process.env.AGENTPORT_TEST_NODE_MODULES}/axe-core/axe.min.js`
    return { complaints: await inspect(page, { first, unfold, axe }) }
  },
  async request({ url, method = 'GET', headers = {}, body }) {
    return page.evaluate(fetchInPage, { url, init: definedOnly({ method, headers, body }) })
  },
  async console() {
    return { messages: said.splice(0) }
  },
}

let browser
let context
let page
let said = []
let devtools
let authenticatorId
// Every answer that the browser got, whatever page or test asked for it: headers and body.
const sent = []

async function openContext(options) {
  await context?.close()
  context = await browser.newContext(options)
  context.setDefaultTimeout(TIMEOUT_MS)
  context.on('response', response => sent.push(wholeAnswer(response)))
  page = await context.newPage()
  said = []
  page.on('console', message => said.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', error => said.push(`uncaught: ${error.message}`))
}

// A key that answers by itself, as the chip in a laptop does when its owner touches it.
async function addAuthenticator(isUserVerified) {
  devtools = await context.newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  const options = {
    protocol: 'ctap2',
    transport: 'internal',
    hasResidentKey: true,
    hasUserVerification: true,
    isUserVerified,
    automaticPresenceSimulation: true,
  }
  ;({ authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options }))
}

// Runs inside the page, so that its origin and its content policy are what the server sees.
async function fetchInPage({ url, init }) {
  try {
    const response = await fetch(url, init)
    return {
      status: response.status,
      url: response.url,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
    }
  } catch (error) {
    return { networkError: String(error) }
  }
}

async function wholeAnswer(response) {
  const body = await response.text().catch(() => null)
  return { url: response.url(), headers: await response.allHeaders().catch(() => null), body }
}

function definedOnly(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))
}

async function perform(step) {
  const run = Object.hasOwn(STEPS, step.step) && STEPS[step.step]
  if (!run) throw new Error(`no such step: ${JSON.stringify(step)}`)
  return run(step)
}

const results = []
try {
  const steps = JSON.parse(await text(process.stdin))
  const { chromium } = createRequire(`${process.env.AGENTPORT_TEST_NODE_MODULES}/`)('playwright-core')
  browser = await chromium.launch(LAUNCH)
  await openContext({})
  for (const step of steps) results.push(await perform(step))
} catch (error) {
  results.push({ error: stripVTControlCharacters(error.message) })
  process.exitCode = 1
} finally {
  results.push({ sent: await Promise.all(sent) })
  await browser?.close()
}
process.stdout.write(`${JSON.stringify(results)}\n`)

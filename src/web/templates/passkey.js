// The only script of this site, and only for passkeys: browsers have no other way to reach one. It decides nothing: what a
// passkey signed goes to the server in a form, and is checked there.
'use strict'

const bytes = text => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), letter => letter.charCodeAt(0))
const base64url = buffer =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')

// What is ticked, or bounded, stands in another form, and belongs into this one, too.
function carry(form) {
  for (const old of form.querySelectorAll('.carried')) old.remove()
  const { ticks, grant } = form.dataset
  const add = (name, value) =>
    form.append(Object.assign(document.createElement('input'), { type: 'hidden', className: 'carried', name, value }))
  for (const tick of ticks ? document.querySelectorAll(`input[form="${ticks}"]:checked`) : []) add(tick.name, tick.value)
  for (const [name, value] of grant ? new FormData(document.getElementById(grant)) : []) {
    if (name.startsWith('grant.')) add(name, value)
  }
}

// Asks the server what to sign: a challenge is good for this form, once, for two minutes.
async function use(form) {
  carry(form)
  const body = new URLSearchParams({ csrf: form.elements.csrf?.value ?? '' })
  for (const tick of form.querySelectorAll('.carried')) body.append(tick.name, tick.value)
  for (const name of (form.dataset.send ?? '').split(' ').filter(Boolean)) body.append(name, form.elements[name].value)
  const answer = await fetch(form.dataset.challenge, { method: 'POST', body })
  if (answer.status === 422) throw new Error(await answer.text())
  if (!answer.ok) throw new Error('The page is out of date. Load it again.')
  const { challenge, rp, credentials } = await answer.json()
  const { id, response } = await navigator.credentials.get({
    publicKey: {
      challenge: bytes(challenge),
      rpId: rp,
      allowCredentials: credentials.map(id => ({ type: 'public-key', id: bytes(id) })),
      userVerification: 'required',
      timeout: 120_000,
    },
  })
  return {
    id,
    authenticatorData: base64url(response.authenticatorData),
    clientDataJSON: base64url(response.clientDataJSON),
    signature: base64url(response.signature),
  }
}

// The challenge of a set-up link is the link's own.
async function make(form) {
  const { challenge, rp, user, name, known } = form.dataset
  const { response } = await navigator.credentials.create({
    publicKey: {
      challenge: bytes(challenge),
      rp: { id: rp, name: 'AgentPort' },
      user: { id: bytes(user), name, displayName: name },
      pubKeyCredParams: [-7, -8, -257].map(alg => ({ type: 'public-key', alg })),
      excludeCredentials: known.split(' ').filter(Boolean).map(id => ({ type: 'public-key', id: bytes(id) })),
      authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
      attestation: 'none',
      timeout: 120_000,
    },
  })
  return {
    authenticatorData: base64url(response.getAuthenticatorData()),
    clientDataJSON: base64url(response.clientDataJSON),
  }
}

for (const form of document.querySelectorAll('form[data-passkey]')) {
  if (!window.PublicKeyCredential) continue
  const ways = { use, make }
  const problem = form.querySelector('[role=alert]')
  form.hidden = false
  form.addEventListener('submit', async event => {
    event.preventDefault()
    problem.textContent = ''
    try {
      form.elements.passkey.value = JSON.stringify(await ways[form.dataset.passkey](form))
      form.submit()
    } catch (error) {
      problem.textContent =
        error.name === 'NotAllowedError' ? 'The passkey was not used. Nothing was sent.' : `${error.message} Nothing was sent.`
    }
  })
}

// Looks at the open page as somebody must who is to decide by it, and complains of all that would mislead them: what cannot
// be seen, read or reached. What it says stands in README.md under "inspect".

import { existsSync, readFileSync } from 'node:fs'

const MOST_TABS = 200
const AXE_RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** The complaints about `page`; each text of `first` has to stand within the window before anything is scrolled. */
export async function inspect(page, { first = [], unfold = false, axe }) {
  if (unfold) await page.evaluate(() => document.querySelectorAll('details').forEach(fold => { fold.open = true }))
  await page.evaluate(() => window.scrollTo(0, 0))
  return [
    ...(await page.evaluate(seen, first)),
    ...(await named(page)),
    ...(await reached(page)),
    ...(axe && existsSync(axe) ? await judged(page, axe) : []),
  ]
}

// Runs inside the page. Every text node of the body is looked at, and everything that could hide or cover one.
function seen(first) {
  const complaints = []
  const complain = (what, element) => complaints.push(`${what}: ${where(element)}`)
  const where = element => {
    const name = element.id ? `#${element.id}` : element.className ? `.${String(element.className).replaceAll(' ', '.')}` : ''
    return `<${element.localName}${name}> "${element.textContent.trim().replace(/\s+/g, ' ').slice(0, 60)}"`
  }
  const forEarsOnly = element => element.closest('.sr') !== null
  const body = document.body
  const wide = document.documentElement.clientWidth

  if (document.documentElement.scrollWidth > wide) complaints.push(`the page is wider than the window`)
  for (const element of body.querySelectorAll('*')) {
    if (forEarsOnly(element) || ['script', 'noscript', 'template'].includes(element.localName)) continue
    const style = getComputedStyle(element)
    const box = element.getBoundingClientRect()
    if (style.display === 'none' && element.textContent.trim() && !element.matches('[data-passkey]')) complain('is not displayed', element)
    if (style.display === 'none' || style.display === 'contents') continue
    if (box.width > 0 && (box.left < -0.5 || box.right > wide + 0.5)) complain('stands out at the side', element)
    if (element.matches('details:not([open])')) complain('is closed', element)
    if (element.matches('input, select, textarea')) continue
    const clips = style.overflowX !== 'visible' || style.overflowY !== 'visible'
    if (clips) complain(`may cut off its content (overflow ${style.overflow})`, element)
    if (style.textOverflow === 'ellipsis') complain('may end in an ellipsis', element)
    if (style.webkitLineClamp !== 'none') complain('may show only some of its lines', element)
    if (style.maxHeight !== 'none') complain('has a greatest height', element)
    if (style.clipPath !== 'none' || style.maskImage !== 'none') complain('is cut out', element)
    if (style.filter !== 'none' || style.mixBlendMode !== 'normal') complain('is drawn through a filter', element)
    for (const pseudo of ['::before', '::after']) {
      const content = getComputedStyle(element, pseudo).content
      if (!['none', 'normal'].includes(content) && !element.closest('.steps')) complain(`has text of the style sheet (${content})`, element)
    }
  }

  const colour = text => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number)
    return { r, g, b, a }
  }
  const over = (top, below) => {
    const mix = channel => top[channel] * top.a + below[channel] * (1 - top.a)
    return { r: mix('r'), g: mix('g'), b: mix('b'), a: 1 }
  }
  const background = element => {
    const layers = []
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at)
      if (style.backgroundImage !== 'none') complain('has a picture behind its text', at)
      layers.push(colour(style.backgroundColor))
      if (layers.at(-1).a === 1) break
    }
    return layers.reverse().reduce((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 })
  }
  const luminance = ({ r, g, b }) => {
    const [red, green, blue] = [r, g, b].map(value => {
      const part = value / 255
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const contrast = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a)
    return (light + 0.05) / (dark + 0.05)
  }
  const opacity = element => {
    let product = 1
    for (let at = element; at; at = at.parentElement) product *= Number(getComputedStyle(at).opacity)
    return product
  }

  // a space wherever a new block or cell begins, as the eye has it
  const shownFirst = []
  const block = element => {
    for (let at = element; ; at = at.parentElement) if (getComputedStyle(at).display !== 'inline' || at.matches('.cell')) return at
  }
  let last
  const lines = []
  const texts = document.createTreeWalker(body, NodeFilter.SHOW_TEXT)
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const element = node.parentElement
    const style = getComputedStyle(element)
    if (!node.data.trim() || element.closest('script, noscript, template, option, textarea, [data-passkey][hidden]')) continue
    const range = document.createRange()
    range.selectNodeContents(node)
    const boxes = [...range.getClientRects()].filter(box => box.width > 0 && box.height > 0)
    if (block(element) !== last) shownFirst.push(' ')
    last = block(element)
    if (boxes.length && boxes.every(box => box.top >= 0 && box.bottom <= innerHeight)) shownFirst.push(node.data)
    if (forEarsOnly(element)) continue
    if (!boxes.length) complain('has no size', element)
    if (style.visibility !== 'visible' || opacity(element) < 1) complain('is not wholly visible', element)
    if (parseFloat(style.fontSize) < 10.5) complain(`is too small (${style.fontSize})`, element)
    if (style.unicodeBidi === 'bidi-override' || style.direction !== 'ltr') complain('does not run from left to right', element)
    const behind = background(element)
    const ink = colour(style.color)
    const ratio = contrast(over(ink, behind), behind)
    const size = parseFloat(style.fontSize)
    const enough = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5
    if (ratio < enough) complain(`has a contrast of ${ratio.toFixed(2)}, less than ${enough}`, element)
    lines.push(...(boxes.length > 1 ? [0, boxes.length - 1] : [0]).map(line => ({ range, element, line })))
  }
  // whatever else lies at the middle of a line would cover it; scrolled through once, as looking it up needs it in the window
  const inOrder = lines.filter(({ range }) => range.getClientRects().length)
  for (let top = 0; top < document.documentElement.scrollHeight; top += innerHeight / 2) {
    scrollTo(0, top)
    const open = inOrder.splice(0)
    for (const { range, element, line } of open) {
      const boxes = [...range.getClientRects()].filter(box => box.width > 0 && box.height > 0)
      const box = boxes[Math.min(line, boxes.length - 1)]
      if (!box || box.top >= innerHeight || box.bottom > innerHeight) {
        inOrder.push({ range, element, line })
        continue
      }
      const found = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2)
      if (found && !found.contains(element)) complain(`is covered by ${where(found)}`, element)
    }
  }
  scrollTo(0, 0)
  for (const control of body.querySelectorAll('input:not([type=hidden]):not([type=checkbox]), select, button')) {
    if (control.closest('[hidden]')) continue
    const style = getComputedStyle(control)
    const outside = background(control.parentElement)
    const edges = [colour(style.borderTopColor), background(control)]
    if (edges.every(edge => contrast(over(edge, outside), outside) < 3) && !control.matches('.quiet')) complain('has no edge that can be seen', control)
    const hint = colour(getComputedStyle(control, '::placeholder').color)
    const ratio = contrast(over(hint, edges[1]), edges[1])
    if (control.placeholder && !control.value && ratio < 4.5) complain(`has a hint with a contrast of ${ratio.toFixed(2)}, less than 4.5`, control)
    const box = control.getBoundingClientRect()
    if (box.width < 24 || box.height < 24) complain(`is too small to hit (${box.width} by ${box.height})`, control)
  }
  const squeezed = text => text.replace(/\s+/g, '')
  const firstText = squeezed(shownFirst.join(''))
  for (const text of first) {
    if (!firstText.includes(squeezed(text))) complaints.push(`"${text}" is not within the first window, which has: ${shownFirst.join('')}`)
  }
  return complaints
}

/** Every control needs a name, as the browser works it out for those who hear the page. */
async function named(page) {
  const devtools = await page.context().newCDPSession(page)
  const { nodes } = await devtools.send('Accessibility.getFullAXTree')
  await devtools.detach()
  const roles = ['button', 'link', 'textbox', 'checkbox', 'combobox', 'radio', 'form', 'region', 'group', 'heading']
  const nameless = nodes.filter(node => !node.ignored && roles.includes(node.role?.value) && !node.name?.value?.trim())
  // a form and a group need none; a form that has one is a landmark
  return nameless.filter(node => !['form', 'group'].includes(node.role.value)).map(node => `a ${node.role.value} has no name`)
}

/** The key Tab goes through all controls, in their order, and shows each time where it is. */
async function reached(page) {
  const complaints = []
  await page.evaluate(() => {
    document.activeElement?.blur?.()
    const all = document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, summary')
    window.reachable = [...all].filter(control => control.checkVisibility())
  })
  const count = await page.evaluate(() => window.reachable.length)
  // from the top of the document, wherever the page put the focus when it was opened
  await page.evaluate(() => { document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex') })
  for (let expected = 0; expected < Math.min(count, MOST_TABS); expected += 1) {
    // a date has a stop for each of its parts, and one for its calendar
    do await page.keyboard.press('Tab')
    while (expected > 0 && (await page.evaluate(at => window.reachable[at] === document.activeElement && document.activeElement.type === 'date', expected - 1)))
    const found = await page.evaluate(() => {
      const at = document.activeElement
      const style = getComputedStyle(at)
      const box = at.getBoundingClientRect()
      return {
        index: window.reachable.indexOf(at),
        what: `<${at.localName}> ${at.id || at.textContent.trim().slice(0, 40)}`,
        outlined: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
        within: box.bottom > 0 && box.top < innerHeight,
      }
    })
    if (found.index !== expected) {
      complaints.push(`Tab ${expected + 1} leads to control ${found.index + 1}: ${found.what}`)
      break
    }
    if (!found.outlined) complaints.push(`the focus cannot be seen at ${found.what}`)
    if (!found.within) complaints.push(`the focus is outside the window at ${found.what}`)
  }
  await page.evaluate(() => { document.activeElement?.blur?.(); window.scrollTo(0, 0) })
  return complaints
}

/** What axe-core holds against it. */
async function judged(page, path) {
  // by way of the debugger: the page's content policy lets no script in
  await page.evaluate(readFileSync(path, 'utf8'))
  // contrast is measured above for every text; on a very long page once is enough
  const isLong = await page.evaluate(() => document.body.querySelectorAll('*').length > 1000)
  const options = { runOnly: { type: 'tag', values: AXE_RULES }, rules: { 'color-contrast': { enabled: !isLong } } }
  const { violations } = await page.evaluate(options => window.axe.run(document, options), options)
  return violations.flatMap(({ id, help, nodes }) => nodes.map(node => `axe ${id} (${help}): ${node.html.slice(0, 120)}`))
}

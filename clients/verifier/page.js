'use strict'
const texts = @TEXTS@
const workerSource = @WORKER@
const program = Uint8Array.from(atob('@PROGRAM@'), (character) => character.charCodeAt(0))

const byId = (id) => document.getElementById(id)
const languages = Object.keys(texts)
let language = languages.find((name) => navigator.language.startsWith(name)) ?? languages[0]
let answer = null
let worker = null

const word = (key, values = {}) =>
  (texts[language][key] ?? key).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''))

function showLanguage() {
  document.documentElement.lang = language
  document.title = word('title')
  for (const element of document.querySelectorAll('[data-text]')) {
    element.textContent = word(element.dataset.text)
  }
  byId('languages').replaceChildren(
    ...languages.map((name) => {
      const button = document.createElement('button')
      button.textContent = texts[name].name
      button.setAttribute('aria-pressed', String(name === language))
      button.onclick = () => {
        language = name
        showLanguage()
      }
      return button
    }),
  )
  showAnswer()
}

const time = (us) => (us === 0 ? '' : new Date(us / 1000).toISOString().replace('T', ' ').replace('Z', ' UTC'))

const groups = (bits) =>
  bits === 7 ? '' : ['key', 'video', 'audio'].filter((_, n) => bits & (1 << n)).map((name) => word(`group_${name}`)).join(', ')

function cells({ state, why, file, first, last, from_us, to_us, groups: bits, detail }) {
  const fragments = first === 0 ? '' : first === last ? String(first) : `${first} – ${last}`
  const reason = [why === 'none' ? '' : word(`why_${why}`), groups(bits), detail].filter(Boolean).join(' · ')
  return [word(`state_${state}`), reason, file, fragments, time(from_us), time(to_us)]
}

function verdictOf(report) {
  const is = (...states) => report.findings.some(({ state }) => states.includes(state))
  if (report.genuine && report.signer === 'pinned') return ['intact', 'intact']
  if (report.genuine) return ['intactUnknown', 'unknown']
  if (is('changed', 'missing', 'against_hold')) return ['notIntact', 'bad']
  return ['unproved', 'unknown']
}

function row(kind, values) {
  const line = document.createElement('tr')
  line.append(
    ...values.map((value) => {
      const cell = document.createElement(kind)
      cell.textContent = value
      return cell
    }),
  )
  return line
}

function showAnswer() {
  byId('result').hidden = answer === null
  if (answer === null) return
  const report = answer.export ?? answer.recording
  const [verdict, look] = answer.waiting ? ['waiting', ''] : report ? verdictOf(report) : ['error', 'bad']
  byId('verdict').className = look
  byId('verdict').textContent = word(verdict)
  byId('meaning').textContent = answer.error ? word(`error_${answer.error[0]}`, { detail: answer.error[1] }) : word(`${verdict}Means`)
  byId('findings').hidden = !report
  byId('whose').textContent = report
    ? word('whose', { city: report.city, camera: report.camera, fragments: report.fragments, keys: report.keys.join(', ') })
    : ''
  const heads = ['head_state', 'head_why', 'head_file', 'head_fragments', 'head_from', 'head_to'].map((key) => word(key))
  byId('findings').tHead.replaceChildren(row('th', heads))
  byId('findings').tBodies[0].replaceChildren(...(report?.findings ?? []).map((finding) => row('td', cells(finding))))
}

let chosen = []
function verify() {
  if (chosen.length === 0) return
  worker?.terminate()
  const address = URL.createObjectURL(new Blob([workerSource], { type: 'text/javascript' }))
  worker = new Worker(address)
  answer = { waiting: true }
  showAnswer()
  const done = (result) => {
    URL.revokeObjectURL(address)
    answer = result
    showAnswer()
  }
  worker.onmessage = ({ data }) => done(data)
  worker.onerror = ({ message }) => done({ error: ['unreadable', message] })
  worker.postMessage({ program, files: chosen, pin: byId('pin').value })
}

function take(files) {
  chosen = [...files]
  verify()
}

const drop = byId('drop')
drop.ondragover = (event) => {
  event.preventDefault()
  drop.classList.add('over')
}
drop.ondragleave = () => drop.classList.remove('over')
drop.ondrop = (event) => {
  event.preventDefault()
  drop.classList.remove('over')
  take(event.dataTransfer.files)
}
byId('files').onchange = (event) => take(event.target.files)
byId('pin').onchange = verify
showLanguage()

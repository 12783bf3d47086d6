// One page that shows what the demo downloaded, and says where it came from and where it went.

import { bytes } from '../dist/cli/words.js'

const escape = (text) =>
  String(text).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c])

const style = `
  :root { color-scheme: light dark; --paper: light-dark(#f6f4ef, #14161a); --ink: light-dark(#23262b, #e6e3dc);
    --faint: light-dark(#6a6d73, #9a9da5); --line: light-dark(#dcd8cd, #2b2f37); --accent: light-dark(#a1460a, #f2a65a) }
  * { box-sizing: border-box }
  body { margin: 0 auto; max-width: 1500px; padding: 3rem clamp(1rem, 4vw, 4rem); background: var(--paper);
    color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
  h1 { margin: 0; font-size: clamp(1.8rem, 4vw, 3rem); line-height: 1.1; font-weight: 650; letter-spacing: -0.02em }
  h2 { margin: 3rem 0 1rem; font-size: 1.1rem; font-weight: 600 }
  p { margin: 0.6rem 0; max-width: 70ch; color: var(--faint) }
  code { font: 0.88em ui-monospace, Consolas, monospace; color: var(--ink); overflow-wrap: anywhere }
  .way { display: flex; flex-wrap: wrap; gap: 0.3rem 1rem; align-items: baseline; margin: 1.4rem 0;
    padding: 1rem 1.2rem; border: 1px solid var(--line); border-radius: 10px }
  .way b { color: var(--accent) }
  .frames { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr)) }
  figure { margin: 0 }
  figure a { display: block; border-radius: 8px; overflow: hidden; background: var(--line) }
  figure a:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
  img { display: block; width: 100%; height: auto }
  figcaption { display: flex; justify-content: space-between; gap: 1rem; padding-top: 0.35rem; font-size: 0.8rem;
    color: var(--faint); font-variant-numeric: tabular-nums }
  .table { overflow-x: auto }
  table { border-collapse: collapse; width: 100%; font-size: 0.9rem }
  th, td { text-align: left; vertical-align: top; padding: 0.5rem 1rem 0.5rem 0; border-top: 1px solid var(--line) }
  th { color: var(--faint); font-weight: 500 }
  td code { white-space: nowrap }
  td a { color: var(--accent) }`

/** What has no place, said once for each reason: many files share one. */
function reasons(unmapped, code) {
  const messages = [...new Set(unmapped.map(({ reason }) => reason.message))]
  const paths = (message) => unmapped.filter(({ reason }) => reason.message === message)
  return messages
    .map(
      (message) => `
<p>${escape(message)}</p>
<ul>${paths(message)
        .map(({ absoluteSourcePath }) => `<li>${code(absoluteSourcePath)}</li>`)
        .join('')}</ul>`,
    )
    .join('')
}

/** The page as HTML. `files` are planned files with an `href` each. */
export function contactSheet({ jobName, jobId, windowsRoot, projects, files, unmapped }) {
  const images = files.filter(({ path }) => /\.png$/i.test(path)).sort((a, b) => (a.path < b.path ? -1 : 1))
  const others = files.filter((file) => !images.includes(file))
  const total = files.reduce((sum, { size }) => sum + (size ?? 0), 0)

  const figure = ({ path, href, size, localPath }) => `
    <figure>
      <a href="${escape(href)}"><img src="${escape(href)}" alt="${escape(path)}" title="${escape(localPath)}" loading="lazy"></a>
      <figcaption><span>${escape(path.split(/[\\/]/).at(-1))}</span><span>${bytes(size ?? 0)}</span></figcaption>
    </figure>`
  const table = (head, rows) => `
  <div class="table"><table>
    <tr>${head.map((cell) => `<th scope="col">${cell}</th>`).join('')}</tr>
    ${rows.map((row) => `<tr>${row.map((cell) => `<td>${cell}</td>`).join('')}</tr>`).join('\n    ')}
  </table></div>`
  const code = (text) => `<code>${escape(text)}</code>`

  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(jobName)}: what was downloaded</title>
<style>${style}
</style>
<body>
<header>
  <h1>${escape(jobName)}</h1>
  <p>${files.length} files, ${bytes(total)}, downloaded by rusty-attachments from ${code(jobId)}. Each was checked
  against the xxh3-128 hash in its manifest before it got its name. Of tasks that were rendered twice, the later
  output is here.</p>
  <div class="way">${code(windowsRoot)} <b aria-label="became">→</b> ${code(projects)}</div>
</header>
<h2>${images.length} images</h2>
<div class="frames">${images.map(figure).join('')}
</div>
${
  others.length === 0
    ? ''
    : `<h2>${others.length} other files</h2>${table(
        ['File', 'Size'],
        others.map(({ path, href, size }) => [
          `<a href="${escape(href)}">${escape(path)}</a>`,
          bytes(size ?? 0),
        ]),
      )}`
}
${unmapped.length === 0 ? '' : `<h2>${unmapped.length} files without a place on this machine</h2>${reasons(unmapped, code)}`}
</body>
</html>
`
}

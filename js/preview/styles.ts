/** How it looks: calm, dense, in the colours of the system's theme. */

let sheet: CSSStyleSheet | undefined

/** One sheet for all elements of a page; adopted, so that a CSP without inline styles allows it. */
export function styleSheet(): CSSStyleSheet {
  if (!sheet) {
    sheet = new CSSStyleSheet()
    sheet.replaceSync(css)
  }
  return sheet
}

const css = `
:host {
  color-scheme: light dark;
  --paper: light-dark(#f7f6f3, #15171b);
  --card: light-dark(#ffffff, #1c1f25);
  --ink: light-dark(#1f2328, #e7e5e0);
  --faint: light-dark(#5c6168, #a2a6ae);
  --line: light-dark(#dedbd3, #30343c);
  --strong-line: light-dark(#8d8a82, #6d727c);
  --accent: light-dark(#8f3d08, #f0a35e);
  --on-accent: light-dark(#ffffff, #1a1207);
  --hover: light-dark(#efede7, #23272e);
  --active: light-dark(#f6e6d6, #3a2c1d);
  --bad: light-dark(#a3181d, #ff9a94);
  --bad-paper: light-dark(#fdeeed, #351d1e);
  --warn: light-dark(#7a4b00, #f2c14e);
  --warn-paper: light-dark(#fdf3dc, #33290f);
  --good: light-dark(#1d6a3a, #7fd49b);
  --mono: ui-monospace, 'SF Mono', 'Cascadia Mono', Consolas, 'DejaVu Sans Mono', monospace;
  display: block;
  container-type: inline-size;
  background: var(--paper);
  color: var(--ink);
  font: 14px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, 'Open Sans', sans-serif;
  font-variant-numeric: tabular-nums;
}
:host([hidden]) { display: none }
* { box-sizing: border-box }
[hidden] { display: none !important }
h2, h3, p, dl, dd, ul { margin: 0; padding: 0 }
h2 { font-size: 13px; font-weight: 650 }
h3 { font-size: 12px; font-weight: 600; color: var(--faint) }
ul { list-style: none }
.icon { flex: none; width: 16px; height: 16px; fill: none; stroke: currentColor; stroke-width: 1.5;
  stroke-linecap: round; stroke-linejoin: round }
.muted, .totals, .amount, .said { color: var(--faint); font-size: 12.5px }
.path, textarea { font-family: var(--mono); font-size: 12px }

button, input, select, textarea { font: inherit; color: inherit; border: 1px solid var(--line);
  border-radius: 6px; background: var(--card) }
button { display: inline-flex; align-items: center; justify-content: center; gap: 6px; min-height: 30px;
  padding: 3px 11px; cursor: pointer; white-space: nowrap }
button:hover { background: var(--hover) }
button.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); font-weight: 600 }
button.primary:hover { filter: brightness(1.08) }
button.quiet { border-color: transparent; background: none; min-height: 26px; padding: 2px 5px; color: var(--faint) }
button.quiet:hover { background: var(--hover); color: var(--ink) }
button.link { border: 0; background: none; min-height: 24px; padding: 0 2px; color: var(--accent);
  text-decoration: underline; text-underline-offset: 3px; text-decoration-thickness: 1px }
input, select, textarea { min-height: 30px; padding: 3px 8px; width: 100%; border-color: var(--strong-line) }
input.path, textarea { font-family: var(--mono); font-size: 12px }
select { width: auto; max-width: 100%; padding-right: 2px }
textarea { resize: vertical; margin-top: 8px }
input::placeholder, textarea::placeholder { color: var(--faint); opacity: 1 }
[aria-invalid='true'] { border-color: var(--bad) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px }
:disabled { opacity: 0.7; cursor: default }

.app { position: relative; display: grid; gap: 0; height: 100% }
.plan { position: relative; display: flex; flex-direction: column; min-width: 0; min-height: 0; padding: 14px 16px 10px }
.setup { display: flex; flex-direction: column; gap: 20px; min-width: 0; padding: 14px 16px 24px;
  border-top: 1px solid var(--line) }
@container (min-width: 860px) {
  .app { grid-template: minmax(0, 1fr) / minmax(0, 1fr) 348px }
  .setup { border-top: 0; border-left: 1px solid var(--line); overflow-y: auto }
}
.app[data-dragging]::after { content: 'Drop manifests, storage profiles or rules'; position: absolute; inset: 8px;
  z-index: 5; display: grid; place-items: center; border: 2px dashed var(--accent); border-radius: 12px;
  background: color-mix(in srgb, var(--paper) 82%, transparent); font-size: 18px; font-weight: 600;
  pointer-events: none }
.app[aria-busy='true'] .plan::before { content: ''; position: absolute; z-index: 3; top: 0; left: 0; height: 2px;
  width: 30%; background: var(--accent); animation: busy 1.1s ease-in-out infinite alternate }
@keyframes busy { from { left: 0 } to { left: 70% } }
@media (prefers-reduced-motion: reduce) { .app[aria-busy='true'] .plan::before { animation: none; width: 100% } }

.heading { display: flex; align-items: center; gap: 8px; min-height: 30px }
.heading > :first-child { margin-right: auto }
.panel { display: grid; gap: 8px }
.slots, .rules, .manifests { display: grid; gap: 8px }
.card { display: grid; gap: 6px; padding: 9px 11px; border: 1px solid var(--line); border-radius: 8px;
  background: var(--card); min-width: 0 }
.root { display: grid; gap: 6px }
.card label { font-size: 12px; color: var(--faint) }
.slot .heading { min-height: 26px }
.buttons { display: flex; flex-wrap: wrap; gap: 8px }
.line { display: flex; align-items: center; justify-content: space-between; gap: 8px; color: var(--faint) }
.line select { color: var(--ink) }
.totals { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 0 8px }
.notice, .problem { font-size: 12.5px; padding: 7px 10px; border-radius: 6px; overflow-wrap: anywhere }
.notice { background: var(--warn-paper); color: var(--warn) }
.problem { background: var(--bad-paper); color: var(--bad) }
.banner { margin-bottom: 10px }
.files li { display: flex; flex-wrap: wrap; align-items: center; gap: 0 8px; min-height: 28px }
.files li + li { border-top: 1px solid var(--line) }
.files .problem { flex-basis: 100%; margin-bottom: 6px }
.files { max-height: 260px; overflow-y: auto }
.file-name { flex: 1 1 90px; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.bad .file-name { color: var(--bad) }
.profile-name { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 4px 8px;
  font-weight: 600; overflow-wrap: anywhere }
.tag { padding: 0 7px; border: 1px solid var(--line); border-radius: 99px; font-size: 11.5px; font-weight: 500;
  color: var(--faint) }
summary { color: var(--faint); font-size: 12.5px; cursor: pointer }
.locations { padding-top: 4px; display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 1px 12px; font-size: 12.5px }
.locations dt { color: var(--faint) }
.locations dd { font-family: var(--mono); font-size: 12px; overflow-wrap: anywhere }
.rule-source, .rule-destination { display: flex; align-items: center; gap: 6px }
.rule-destination .icon { color: var(--accent) }
.rule-source select { flex: none; font-size: 12px; padding: 3px 2px }
.rule-source button { margin-right: -6px }
.add { justify-self: start; margin-top: 8px }
.add:first-child { margin-top: 0 }

.toolbar { display: grid; gap: 10px; padding-bottom: 8px }
.chips, .tools { display: flex; flex-wrap: wrap; gap: 8px; align-items: center }
.chip { border-radius: 99px; min-height: 32px; padding: 3px 13px; color: var(--faint) }
.chip b { color: var(--ink); font-weight: 650 }
.chip.none { opacity: 1; background: none }
.chip[aria-pressed='true'] { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); color: var(--ink) }
.chip .icon { width: 15px; height: 15px }
[data-status='unmapped'] > .icon, [data-status='unmapped'] > .status .icon { color: var(--bad) }
[data-status='hazard'] > .icon, [data-status='hazard'] > .status .icon { color: var(--warn) }
[data-status='ready'] > .icon, [data-status='ready'] > .status .icon { color: var(--good) }
.chip.none > .icon { color: var(--faint) }
.search { position: relative; flex: 1 1 220px }
.search .icon { position: absolute; left: 9px; top: 8px; color: var(--faint); pointer-events: none }
.search input { padding-left: 31px; min-height: 32px }
.segments { display: flex }
.segments button { border-radius: 0; margin-left: -1px; min-height: 32px }
.segments button:first-child { border-radius: 6px 0 0 6px; margin-left: 0 }
.segments button:last-child { border-radius: 0 6px 6px 0 }
.segments button[aria-pressed='true'] { background: var(--active); color: var(--ink); font-weight: 600 }
.tools > select { min-height: 32px }
.amount { min-height: 18px; overflow-wrap: anywhere }
[data-state='empty'] .toolbar, [data-state='empty'] .grid { display: none }
[data-state='filled'] .empty { display: none }

.empty { display: grid; justify-items: center; align-content: center; gap: 12px; flex: 1; min-height: 380px;
  padding: 32px 20px; border: 2px dashed var(--line); border-radius: 14px; text-align: center }
.empty > .icon { width: 44px; height: 44px; stroke-width: 1; color: var(--accent) }
.empty h2 { font-size: 22px; font-weight: 600; letter-spacing: -0.01em }
.empty p { max-width: 44ch; color: var(--faint) }
.empty .buttons { justify-content: center; margin-top: 6px }

.grid { position: relative; flex: 1; min-height: 300px; overflow-x: hidden; overflow-y: auto; overflow-anchor: none;
  scrollbar-gutter: stable; border: 1px solid var(--line); border-radius: 8px; background: var(--card) }
@container (max-width: 859.9px) { .grid { flex: none; height: min(72dvh, 700px) } }
.grid:focus-visible { outline-offset: -2px }
.head { position: sticky; top: 0; z-index: 2; background: var(--card); border-bottom: 1px solid var(--line) }
.window { position: sticky; top: 33px; overflow: clip }
.header, .row { display: grid; align-items: center; column-gap: 14px; padding: 0 14px;
  grid-template-columns: 96px minmax(0, 1fr) minmax(0, 1fr) 78px 122px;
  grid-template-areas: 'status source destination size time' }
.header { height: 32px; font-size: 12px }
.header button { border: 0; background: none; min-height: 24px; padding: 0; color: var(--faint); font-weight: 600 }
.header button:hover { color: var(--ink) }
.header [aria-sort] button { color: var(--accent) }
.header [aria-sort='ascending'] button::after { content: '↑' }
.header [aria-sort='descending'] button::after { content: '↓' }
.status { grid-area: status; display: flex; align-items: center; gap: 7px; font-size: 12.5px;
}
.sourcePath { grid-area: source }
.localPath { grid-area: destination }
.size { grid-area: size; text-align: right }
.mtime { grid-area: time; color: var(--faint) }
.header .mtime { color: inherit }
.row { position: absolute; inset: 0 0 auto; height: var(--row-height); font-size: 12.5px;
  border-bottom: 1px solid color-mix(in srgb, var(--line) 55%, transparent); cursor: default }
.row:hover { background: var(--hover) }
.row[aria-selected='true'] { background: var(--active) }
.row .path { display: flex; align-items: center; gap: 7px; min-width: 0 }
.row .text { display: flex; min-width: 0; flex: 0 1 auto; white-space: pre }
.row .text .folder { overflow: hidden; text-overflow: ellipsis; color: var(--faint) }
.row .text .name { flex: none; max-width: 100%; overflow: hidden; text-overflow: ellipsis }
.row .arrow { width: 13px; height: 13px; color: var(--faint) }
.row .reason { flex: 1 1 0; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'Open Sans', sans-serif; font-size: 12.5px }
[data-status='hazard'] .reason { color: var(--warn); flex: 0 1 auto }
[data-status='hazard'] .localPath .text { flex: 1 8 auto; min-width: 30% }
[data-status='unmapped'] .reason { color: var(--bad) }
[data-kind='entry'][data-status='unmapped'] .arrow { display: none }
.row .chevron { display: none; color: var(--faint) }
[data-kind='folder'] { cursor: pointer }
[data-kind='folder'] .chevron { display: block }
[data-kind='folder'] .arrow, [data-kind='folder'] .label { display: none }
[data-kind='folder'] .localPath { font-weight: 600 }
[data-kind='folder'] .text .folder { color: inherit }
[data-kind='folder'] .localPath .reason { color: var(--faint); font-weight: 400 }
[data-kind='waiting'] > * { visibility: hidden }

.grid[data-layout='stacked'] .header, .grid[data-layout='stacked'] .row
  { grid-template-columns: 96px minmax(0, 1fr) 78px 122px }
.grid[data-layout='stacked'] .header { grid-template-columns: 96px max-content minmax(0, 1fr) 78px 122px }
.grid[data-layout='stacked'] .row { grid-template-rows: 1fr 1fr; row-gap: 1px; padding-block: 5px;
  grid-template-areas: 'status source size time' 'status destination size time' }
.grid[data-layout='narrow'] .header { grid-template-columns: repeat(5, max-content); column-gap: 12px; overflow: hidden }
.grid[data-layout='narrow'] .row { grid-template-columns: auto minmax(0, 1fr) auto; grid-template-rows: repeat(3, 1fr);
  column-gap: 10px; padding: 5px 12px;
  grid-template-areas: 'source source source' 'destination destination destination' 'status size time' }
.grid[data-layout='narrow'] .size { text-align: left; color: var(--faint) }

/* Among folders the destination leads, and steps in with each level. */
.grid[data-order='folders'] .head { display: none }
.grid[data-order='folders'] .window { top: 0 }
.grid[data-order='folders'] .row { padding-left: calc(12px + var(--level) * 20px);
  grid-template-columns: auto minmax(0, 1fr) 78px 122px; column-gap: 9px }
.grid[data-order='folders'] .localPath { grid-area: source }
.grid[data-order='folders'] .sourcePath { grid-area: destination }
.grid[data-order='folders'] .arrow { display: none }
.grid[data-order='folders'] .row[data-kind='folder'] .localPath { grid-row: 1 / -1 }
.grid[data-order='folders'] .label { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
.grid[data-order='folders'] [data-kind='entry'] .status { padding-left: 23px }
.grid[data-order='folders'][data-layout='wide'] .row { grid-template-columns: auto minmax(0, 2fr) minmax(0, 3fr) 78px 122px }
.grid[data-order='folders'][data-layout='narrow'] .row { padding-left: calc(8px + var(--level) * 12px);
  grid-template-columns: auto minmax(0, 1fr) auto; grid-template-areas: 'status source source'
  'status destination destination' 'status size time' }
.grid[data-order='folders'][data-layout='narrow'] [data-kind='folder'] .localPath { grid-row: 1 / 3 }

.details { position: relative; flex: none; max-height: 42%; overflow-y: auto; margin-top: 8px; padding: 10px 40px 10px 14px;
  border: 1px solid var(--line); border-radius: 8px; background: var(--card) }
@container (max-width: 859.9px) { .details { max-height: none } }
.details dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 3px 14px; font-size: 12.5px }
.details dt { color: var(--faint) }
.details dd { overflow-wrap: anywhere }
.details dd.path button { vertical-align: middle; margin: -4px 0 -4px 4px }
.details .why.unmapped { color: var(--bad) }
.details .why.hazard { color: var(--warn) }
.details .close { position: absolute; top: 6px; right: 6px }
.said { min-height: 20px; padding-top: 4px }
`

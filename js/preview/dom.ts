/** Elements without markup in strings: nothing that a manifest holds is ever read as HTML. */

type Props = Record<string, string | number | boolean | undefined | ((event: never) => void)>
type Child = Node | string | null | undefined | false

/** An element with attributes, listeners (functions, by event name) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') element.addEventListener(name, value as EventListener)
    else setAttribute(element, name, value)
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false))
  return element
}

/** Sets an attribute; `false` and `undefined` take it away, `true` leaves it empty. */
export function setAttribute(
  element: Element,
  name: string,
  value: string | number | boolean | undefined,
): void {
  if (value === undefined || value === false) element.removeAttribute(name)
  else element.setAttribute(name, value === true ? '' : String(value))
}

/** Replaces an element's text, where it differs: what a person has selected stays selected. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** Makes these the children of an element. Those that stay are not touched: what has the focus keeps it. */
export function setChildren(parent: Element, children: Element[]): void {
  const kept = new Set(children)
  for (const child of Array.from(parent.children)) if (!kept.has(child)) child.remove()
  for (const [index, child] of children.entries()) {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null)
  }
}

const focusable = 'button, input, select, textarea, summary'

/**
 * Changes what is in the section around an element. Where that takes away what has the focus, the focus goes to what
 * now stands in its place: the next of those that do the same (by their `data-does`), else the section's last.
 */
export function keepFocus(inside: Element, change: () => void): void {
  const section = inside.closest('section') ?? inside
  const focused = (section.getRootNode() as ShadowRoot).activeElement as HTMLElement | null
  if (!focused || !section.contains(focused)) {
    change()
    return
  }
  const seen = () =>
    Array.from(section.querySelectorAll<HTMLElement>(focusable)).filter((element) =>
      element.checkVisibility(),
    )
  const { does } = focused.dataset
  const alike = () => (does === undefined ? [] : seen().filter((element) => element.dataset.does === does))
  const at = alike().indexOf(focused)
  change()
  if (focused.isConnected && focused.checkVisibility()) return
  const left = alike()
  const next = left[Math.min(at, left.length - 1)] ?? seen().at(-1)
  next?.focus()
}

/** Makes a function that runs `task` before the next frame, once for however many calls; soon where none is drawn. */
export function oncePerFrame(task: () => void): () => void {
  let isDue = false
  const run = () => {
    isDue = false
    task()
  }
  return () => {
    if (isDue) return
    isDue = true
    if (document.hidden) setTimeout(run, 100)
    else requestAnimationFrame(run)
  }
}

const shapes = {
  ready: 'M3.5 8.5l3 3 6-7',
  hazard: 'M8 2.5l6 11H2z M8 6.5v3.2 M8 11.6v.2',
  unmapped: 'M8 2.2a5.8 5.8 0 1 0 0 11.6A5.8 5.8 0 1 0 8 2.2z M4 4l8 8',
  folder: 'M2 4.5h4l1.5 1.5H14v6.5H2z',
  closed: 'M6 4l4 4-4 4',
  open: 'M4 6l4 4 4-4',
  remove: 'M4 4l8 8 M12 4l-8 8',
  add: 'M8 3v10 M3 8h10',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 1 0 0-9z M10.4 10.4L14 14',
  arrow: 'M2.5 8h10 M9 4.5L12.5 8 9 11.5',
  drop: 'M8 2v8 M4.5 6.5L8 10l3.5-3.5 M2.5 13.5h11',
  swap: 'M3 5.5h9 M9.5 3L12 5.5 9.5 8 M13 10.5H4 M6.5 8L4 10.5 6.5 13',
  separate: 'M3 3v4a3 3 0 0 0 3 3h7 M10 7l3 3-3 3 M3 10v3',
  copy: 'M5.5 5.5h8v8h-8z M3.5 10.5h-1v-8h8v1',
} as const

/** The name of a drawing. */
export type Icon = keyof typeof shapes

const svg = 'http://www.w3.org/2000/svg'

/** A drawing of sixteen units that means nothing to a screen reader: words stand beside it. */
export function icon(name: Icon): SVGSVGElement {
  const element = document.createElementNS(svg, 'svg')
  element.setAttribute('viewBox', '0 0 16 16')
  element.setAttribute('aria-hidden', 'true')
  element.setAttribute('class', 'icon')
  element.append(document.createElementNS(svg, 'path'))
  setIcon(element, name)
  return element
}

/** Draws something else. */
export function setIcon(element: SVGSVGElement, name: Icon): void {
  element.firstElementChild!.setAttribute('d', shapes[name])
  element.dataset.icon = name
}

/**
 * Scrolling further than a browser can: an element's height ends at some ten million pixels, a list of a million
 * rows does not.
 *
 * The scroll bar is an instrument, not the truth. Small movements move the list by as many pixels; large ones, as
 * of a dragged scroll bar, go to the place that the bar points at. When the hand rests, the bar is put where it
 * belongs. Near both ends a pixel of the bar is a pixel of the list, so that the ends can be reached.
 */

/** Below the least height that a current browser cuts. */
const tallest = 8_000_000

/** How many views a movement may have and still be small. */
const smallMovement = 3

/** Where in a list of `height` the bar's position `at` of `room` leads. All in pixels; both start at 0. */
export function placeOf(at: number, room: number, height: number, margin: number): number {
  if (room >= height || at <= margin) return Math.min(at, height)
  if (at >= room - margin) return height - (room - at)
  return margin + ((at - margin) * (height - 2 * margin)) / (room - 2 * margin)
}

/** The way back: where the bar belongs when the list is at `place`. */
export function barOf(place: number, room: number, height: number, margin: number): number {
  if (room >= height || place <= margin) return Math.min(place, room)
  if (place >= height - margin) return room - (height - place)
  return margin + ((place - margin) * (room - 2 * margin)) / (height - 2 * margin)
}

/** The scroll position of a list within an element that scrolls. */
export class Scroll {
  readonly #element: HTMLElement
  readonly #spacer: HTMLElement
  readonly #moved: () => void
  /** Where the list is: pixels from its start, which may be more than a browser's element has. */
  #place = 0
  #height = 0
  #bar = 0
  #rest: ReturnType<typeof setTimeout> | undefined

  /**
   * @param element what scrolls
   * @param spacer what in it is as tall as the list, or as tall as may be
   * @param moved called when the place has changed
   */
  constructor(element: HTMLElement, spacer: HTMLElement, moved: () => void) {
    this.#element = element
    this.#spacer = spacer
    this.#moved = moved
    element.addEventListener('scroll', () => this.#scrolled())
  }

  get place(): number {
    return this.#place
  }

  /** How much of the list is seen at once. */
  get view(): number {
    return Math.max(this.#element.clientHeight - this.#spacer.offsetTop, 0)
  }

  /** Tells how tall the list is. The place stays, as far as there is still a list. */
  resize(height: number): void {
    this.#height = height
    this.#spacer.style.height = `${Math.min(height, tallest)}px`
    this.#place = Math.min(this.#place, this.#last)
    this.#rectify()
  }

  /** Goes to a place. */
  go(place: number): void {
    this.#place = Math.max(Math.min(place, this.#last), 0)
    this.#rectify()
    this.#moved()
  }

  /** Goes as far as is needed for something to be seen. */
  reveal(from: number, to: number): void {
    if (from < this.#place) this.go(from)
    else if (to > this.#place + this.view) this.go(to - this.view)
  }

  /** The last place. */
  get #last(): number {
    return Math.max(this.#height - this.view, 0)
  }

  /** How far the bar goes. */
  get #room(): number {
    return Math.max(Math.min(this.#height, tallest) - this.view, 0)
  }

  get #margin(): number {
    return 4 * this.view
  }

  #scrolled(): void {
    const at = this.#element.scrollTop
    const movement = at - this.#bar
    if (movement === 0) return
    this.#bar = at
    const isSmall = Math.abs(movement) <= smallMovement * this.view
    if (this.#room >= this.#last) this.#place = at
    else if (isSmall) this.#place = Math.max(Math.min(this.#place + movement, this.#last), 0)
    else this.#place = placeOf(at, this.#room, this.#last, this.#margin)
    clearTimeout(this.#rest)
    const isAtEnd = at < this.#margin || at > this.#room - this.#margin
    if (isAtEnd) this.#rectify()
    else this.#rest = setTimeout(() => this.#rectify(), 150)
    this.#moved()
  }

  /** Puts the bar where it belongs. */
  #rectify(): void {
    const bar = Math.round(barOf(this.#place, this.#room, this.#last, this.#margin))
    if (Math.abs(bar - this.#element.scrollTop) >= 1) this.#element.scrollTop = bar
    this.#bar = this.#element.scrollTop
  }
}

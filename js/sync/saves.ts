/** When progress is saved: soon after something landed, and so seldom that saving costs little beside the work. */

const shortestPause = 1000
/** At most one part in so many of the time goes into saving. */
const share = 20

/** Repeats `save` as long as there is something new. */
export class Saves {
  readonly #save: () => Promise<void>
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  /** How often something new was told of. */
  #told = 0
  #cost = 0
  #hasEnded = false
  #failure: { thrown: unknown } | undefined

  constructor(save: () => Promise<void>) {
    this.#save = save
  }

  /** There is something new. Throws what the last save failed with. */
  soon(): void {
    if (this.#failure) throw this.#failure.thrown
    if (this.#hasEnded) return
    this.#told++
    if (this.#running) return
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        this.#running = this.#run()
      },
      Math.max(shortestPause, this.#cost * share),
    )
  }

  /** No further save; waits for the one under way. */
  async end(): Promise<void> {
    this.#hasEnded = true
    clearTimeout(this.#timer)
    await this.#running
  }

  async #run(): Promise<void> {
    const told = this.#told
    const began = performance.now()
    try {
      await this.#save()
    } catch (thrown) {
      this.#failure = { thrown }
    }
    this.#cost = performance.now() - began
    this.#running = undefined
    if (this.#told > told && !this.#failure && !this.#hasEnded) this.soon()
  }
}

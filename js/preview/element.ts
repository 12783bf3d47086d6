/** The element: what a person gives on one side, what comes of it on the other, and a worker between them. */

import type { PathFormat, PathMappingRule, StorageProfile } from '../types.js'
import { Details } from './details.js'
import { h, icon, keepFocus, oncePerFrame, setAttribute, setText } from './dom.js'
import { counted } from './format.js'
import { Frame } from './frame.js'
import { Given, type Item } from './given.js'
import { Grid, type Order } from './grid.js'
import { ManifestList } from './manifest-list.js'
import { ProfileSlot } from './profile-slot.js'
import type { Loaded, Query, Row, Shown } from './protocol.js'
import { RuleEditor } from './rule-editor.js'
import { Closed, newestOnly, Session } from './session.js'
import { styleSheet } from './styles.js'
import { TakeAlong } from './take-along.js'
import { Toolbar } from './toolbar.js'
import type * as Types from './types.js'
import { filterWords, profileWords, refusalWords, rootWords, ruleWords } from './words.js'

/** On a server there are no elements; the class is there to be imported, not to be made. */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- there is nothing to extend
const Base = typeof HTMLElement === 'undefined' ? (class {} as typeof HTMLElement) : HTMLElement

/** How long work may take before the page says that it works. */
const patience = 200

const nothing: Shown = { layout: 'list', rowCount: 0, entryCount: 0, totalSize: 0 }
const noQuery: Query = { layout: 'list', orderBy: 'status', descending: false }

export class AttachmentsPreview extends Base implements Types.AttachmentsPreview {
  #session: Session | null = null
  readonly #given = new Given()
  #isBuilt = false
  #query: Query = noQuery
  #summary: Types.PreviewSummary | null = null
  #shown: Shown = nothing
  #refusal: string | null = null
  /** Why there are no rules between the two profiles. */
  #profileProblem: string | null = null
  /** Whether the worker went before it could say them. */
  #areProfileRulesDue = false
  #isStale = false
  #isQueryNew = false

  readonly #refresh = newestOnly(() => this.#refreshed())
  /** Many manifests may be read between two frames. */
  readonly #showLoadedSoon = oncePerFrame(() => this.#showLoaded())

  readonly #manifests = new ManifestList({
    changed: () => this.#replan(),
    remove: (item) => this.#remove(item),
    separate: (item) => {
      const group = this.#given.separate(item)
      this.#manifests.show(this.#given.groups)
      this.#manifests.focus(group)
      this.#replan()
    },
    only: (rootPath) => {
      this.#editor.showAll()
      this.#choose({ rootPath: this.#query.rootPath === rootPath ? undefined : rootPath, rule: undefined })
    },
  })
  readonly #jobSlot = new ProfileSlot('The job’s storage profile', (profile) => {
    this.jobStorageProfile = profile
  })
  readonly #localSlot = new ProfileSlot('This machine’s storage profile', (profile) => {
    this.localStorageProfile = profile
  })
  readonly #editor = new RuleEditor({
    changed: (rules) => {
      this.#given.rules = rules
      this.#given.areRulesOwn = true
      this.#rooted()
    },
    chosen: () => {
      this.#choose({
        rule: this.#summary ? this.#editor.only(this.#summary.totals) : undefined,
        rootPath: undefined,
      })
    },
  })
  readonly #toolbar = new Toolbar({
    chosen: (change) => this.#choose(change),
    copy: () => void this.#copyShown(),
    save: (format) => void this.#save(format),
  })
  readonly #grid = new Grid({
    read: async (offset, limit) => {
      try {
        return await this.#worker().call('rows', offset, limit)
      } catch (error) {
        this.#failed(error)
        throw error
      }
    },
    toggle: (path) => this.#toggle(path),
    chosen: (row) => this.#details.show(row, this.#summary?.totals ?? null),
    copy: (row) => void this.#takeAlong.copy(pathsOf(row), 'The row'),
    order: (by: Order) => {
      const isSame = this.#query.orderBy === by
      this.#choose({ orderBy: by, descending: isSame && !this.#query.descending })
    },
  })
  readonly #details = new Details({
    copy: (text, what) => void this.#takeAlong.copy(text, what),
    close: () => {
      this.#grid.release()
      this.#grid.element.focus()
    },
  })
  readonly #profileNotice = h('p', { class: 'notice', hidden: true })
  readonly #ruleNotice = h('p', { class: 'notice', hidden: true })
  readonly #ruleProblem = h('p', { class: 'problem', role: 'alert', hidden: true })
  readonly #workerProblem = h('p', { class: 'problem banner', role: 'alert', hidden: true })
  readonly #formatSelect = h(
    'select',
    {
      'aria-label': 'How paths are written on this machine',
      change: () => {
        this.destinationPathFormat = this.#formatSelect.value as PathFormat
      },
    },
    h('option', { value: 'windows' }, 'Windows'),
    h('option', { value: 'posix' }, 'macOS or Linux'),
  )
  readonly #fromProfiles = h(
    'button',
    { type: 'button', class: 'link', hidden: true, click: () => this.#useProfileRules() },
    'Use the profiles’ rules',
  )
  readonly #swap = h(
    'button',
    {
      type: 'button',
      class: 'quiet',
      'aria-label': 'Swap the two profiles',
      title: 'Swap the two profiles',
      hidden: true,
      click: () => {
        const { jobStorageProfile, localStorageProfile } = this
        this.jobStorageProfile = localStorageProfile
        this.localStorageProfile = jobStorageProfile
      },
    },
    icon('swap'),
  )
  readonly #startOver = h(
    'button',
    {
      type: 'button',
      class: 'link',
      hidden: true,
      click: () => keepFocus(this.#startOver, () => this.clear()),
    },
    'Start over',
  )
  readonly #takeAlong = new TakeAlong()
  readonly #frame = new Frame((files) => void this.add(files.map(ofFile)))

  connectedCallback(): void {
    if (!this.#isBuilt) {
      this.#build()
      this.#takeEarly()
    }
    // Taken out and put back, the element has lost its worker; the files it still has.
    if (this.#given.has('unread')) void this.#load()
    else if (this.#isStale) void this.#refresh()
  }

  /** Takes what was set before the element was defined, and hides the accessors. */
  #takeEarly(): void {
    for (const name of Object.keys(this).filter((name) => name in AttachmentsPreview.prototype)) {
      const value: unknown = Reflect.get(this, name)
      Reflect.deleteProperty(this, name)
      Reflect.set(this, name, value)
    }
  }

  disconnectedCallback(): void {
    // Moving an element takes it out for a moment.
    queueMicrotask(() => {
      if (!this.isConnected) this.#lose()
    })
  }

  get jobStorageProfile(): StorageProfile | null {
    return this.#given.jobProfile
  }

  set jobStorageProfile(profile: StorageProfile | null) {
    this.#given.jobProfile = plain(profile)
    this.#jobSlot.show(profile)
    void this.#takeProfileRules()
  }

  get localStorageProfile(): StorageProfile | null {
    return this.#given.localProfile
  }

  set localStorageProfile(profile: StorageProfile | null) {
    this.#given.localProfile = plain(profile)
    this.#localSlot.show(profile)
    void this.#takeProfileRules()
  }

  get rules(): PathMappingRule[] {
    return this.#given.rules.map((rule) => ({ ...rule }))
  }

  set rules(rules: PathMappingRule[]) {
    this.#given.areRulesOwn = true
    this.#setRules(rules)
  }

  get destinationPathFormat(): PathFormat {
    return this.#given.destinationPathFormat
  }

  set destinationPathFormat(format: PathFormat) {
    this.#given.wantedFormat = format
    this.#replan()
  }

  async add(manifests: Types.PreviewManifest[]): Promise<void> {
    for (const manifest of manifests) this.#given.add(manifest)
    await this.#load()
  }

  clear(): void {
    this.#lose()
    this.#given.clear()
    this.#areProfileRulesDue = false
    this.#query = noQuery
    this.#refusal = this.#profileProblem = null
    say(this.#workerProblem, null)
    this.#jobSlot.show(null)
    this.#localSlot.show(null)
    this.#editor.show([])
    this.#manifests.show([])
    this.#replan()
  }

  async exportEntries(format: 'csv' | 'json'): Promise<Blob> {
    return (await this.#exported(format)).document
  }

  #build(): void {
    this.#isBuilt = true
    const root = this.attachShadow({ mode: 'open' })
    root.adoptedStyleSheets = [styleSheet()]
    this.#frame.fill({
      plan: {
        above: [this.#workerProblem, this.#toolbar.element],
        below: [this.#grid.element, this.#details.element, this.#takeAlong.element],
      },
      panels: [
        {
          title: 'Manifests',
          actions: [this.#startOver, this.#frame.chooser('Add files')],
          content: [this.#manifests.element],
        },
        {
          title: 'Storage profiles',
          actions: [this.#swap],
          content: [
            h('div', { class: 'slots' }, this.#jobSlot.element, this.#localSlot.element),
            this.#profileNotice,
          ],
        },
        {
          title: 'Mapping rules',
          actions: [this.#fromProfiles],
          content: [
            h('label', { class: 'line' }, 'Files land on', this.#formatSelect),
            this.#ruleNotice,
            this.#ruleProblem,
            this.#editor.element,
          ],
        },
      ],
    })
    root.append(this.#frame.element)
    this.#frame.listen(this)
    this.addEventListener('keydown', (event) => {
      const isTyping =
        event.composedPath()[0] instanceof HTMLElement &&
        (event.composedPath()[0] as HTMLElement).matches('input, textarea, select')
      if (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey) return
      event.preventDefault()
      this.#toolbar.search.focus()
    })
    this.#update()
  }

  /** The worker; one that died is replaced. */
  #worker(): Session {
    if (this.#session?.failure) this.#lose()
    if (!this.#session) {
      this.#session = new Session()
      // It is given what another one had read, unless whoever asks does so.
      queueMicrotask(() => {
        if (this.isConnected && this.#given.has('unread')) void this.#load()
      })
    }
    return this.#session
  }

  /** Lets the worker go, with all that it has read. */
  #lose(): void {
    this.#session?.close()
    this.#session = null
    this.#summary = null
    this.#given.forgetRead()
  }

  /** Reads whatever the worker does not have. */
  async #load(): Promise<void> {
    const session = this.#worker()
    const items = this.#given.items.filter(({ state }) => state === 'unread')
    for (const item of items) item.state = 'reading'
    this.#manifests.show(this.#given.groups)
    this.#update()
    if (this.#areProfileRulesDue) void this.#takeProfileRules()
    await Promise.all(items.map((item) => this.#loadOne(session, item)))
    this.#showLoaded()
    await this.#refresh()
  }

  async #loadOne(session: Session, item: Item): Promise<void> {
    try {
      const loaded = await session.call('load', item.id, item.data)
      if (session !== this.#session) return
      say(this.#workerProblem, null)
      if (!this.#given.holds(item)) {
        // Removed while it was read; the worker has it only now.
        await session.call('forget', [item.id])
        return
      }
      this.#take(item, loaded)
    } catch (error) {
      if (session !== this.#session) return
      // Where it is the worker that is bad, the file may be good: the next worker reads it.
      if (session.failure) this.#failed(error)
      else item.state = { problem: (error as Error).message }
    }
    this.#isStale = true
    this.#showLoadedSoon()
  }

  /** Shows what has been read so far, with its plan. */
  #showLoaded(): void {
    this.#manifests.show(this.#given.groups)
    this.#update()
    // Not a new worker: one that cannot be had would be asked for again and again.
    void this.#refresh()
  }

  /** A file has been read: it is a manifest, or something that belongs elsewhere. */
  #take(item: Item, loaded: Loaded): void {
    if (loaded.kind === 'manifest') {
      item.state = 'ready'
      item.fileCount = loaded.fileCount
      item.hasAbsolutePaths = loaded.hasAbsolutePaths
      return
    }
    this.#given.drop(item)
    if (loaded.kind === 'rules') this.rules = loaded.rules
    else if (this.#given.jobProfile) this.localStorageProfile = loaded.profile
    else this.jobStorageProfile = loaded.profile
  }

  #remove(item: Item): void {
    this.#given.drop(item)
    this.#manifests.show(this.#given.groups)
    this.#worker()
      .call('forget', [item.id])
      .catch((error: unknown) => this.#failed(error))
    this.#replan()
  }

  /** Lets a person's rules go for those between the two profiles. */
  #useProfileRules(): void {
    this.#given.areRulesOwn = false
    keepFocus(this.#fromProfiles, () => this.#update())
    void this.#takeProfileRules()
  }

  /** Makes the rules those between the two profiles, unless they are a person's own: those only a person lets go. */
  async #takeProfileRules(): Promise<void> {
    const [job, local] = [this.#given.jobProfile, this.#given.localProfile]
    this.#given.isOneProfile = false
    this.#profileProblem = null
    this.#areProfileRulesDue = false
    // Nothing is lost with rules that say nothing yet.
    const isBlank = this.#given.rules.every((rule) => rule.sourcePath === '' && rule.destinationPath === '')
    if (isBlank) this.#given.areRulesOwn = false
    if (!job || !local) {
      if (!this.#given.areRulesOwn) this.#setRules([])
      else this.#rooted()
      return
    }
    const session = this.#worker()
    try {
      const rules = await session.call('rulesBetween', job, local)
      if (job !== this.#given.jobProfile || local !== this.#given.localProfile) return
      say(this.#workerProblem, null)
      this.#given.isOneProfile = rules === null
      // Rules that were set while the worker answered are newer than its answer.
      if (!this.#given.areRulesOwn) this.#setRules(rules ?? [])
      else this.#rooted()
    } catch (error) {
      if (job !== this.#given.jobProfile || local !== this.#given.localProfile) return
      this.#areProfileRulesDue = session.failure !== null
      if (session.failure) {
        this.#failed(error)
        this.#update()
      } else {
        this.#profileProblem = (error as Error).message
        this.#rooted()
      }
    }
  }

  #setRules(rules: PathMappingRule[]): void {
    this.#given.rules = rules.map((rule) => ({ ...rule }))
    this.#editor.show(this.#given.rules)
    this.#rooted()
  }

  /** Plans anew, with a likely root where there is none. */
  #rooted(): void {
    this.#given.guessRoots()
    this.#manifests.refreshRoots()
    this.#replan()
  }

  #choose(change: Partial<Query>): void {
    this.#query = { ...this.#query, ...change }
    this.#isQueryNew = true
    this.#toolbar.showQuery(this.#query)
    void this.#refresh()
  }

  #replan(): void {
    this.#isStale = true
    this.#update()
    if (this.isConnected && this.#given.has('unread')) void this.#load()
    else void this.#refresh()
  }

  /** Brings the list up to date with what was given and chosen. */
  async #refreshed(): Promise<void> {
    // Nobody sees it, and its worker is gone; put back, it makes up for this.
    if (!this.isConnected) return
    const busy = setTimeout(() => {
      setAttribute(this.#frame.element, 'aria-busy', 'true')
    }, patience)
    try {
      const isQueryNew = this.#isQueryNew
      this.#isQueryNew = false
      if (this.#isStale) await this.#planned()
      // Without a plan nobody needs a worker.
      this.#shown = this.#summary ? await this.#worker().call('show', this.#query) : nothing
      if (this.#summary) say(this.#workerProblem, null)
      await this.#grid.show(this.#shown, !isQueryNew)
      this.#update()
    } catch (error) {
      this.#failed(error)
    } finally {
      clearTimeout(busy)
      setAttribute(this.#frame.element, 'aria-busy', undefined)
    }
  }

  async #planned(): Promise<void> {
    this.#isStale = false
    this.#refusal = null
    // A worker that died is replaced first: what it had read is no longer there to be planned.
    const session = this.#given.has('ready') ? this.#worker() : null
    const settings = this.#given.settings()
    if (!session || settings.sources.length === 0) {
      this.#summary = null
      return
    }
    try {
      this.#summary = await session.call('plan', settings)
      const { totals } = this.#summary
      const rootPath = totals.roots.find((root) => root.rootPath === this.#query.rootPath)?.rootPath
      // A rule's number is this plan's: those before it may be gone.
      this.#query = { ...this.#query, rootPath, rule: this.#editor.only(totals) }
      this.dispatchEvent(new CustomEvent('attachments-plan', { detail: this.#summary, bubbles: true }))
    } catch (error) {
      // That is no word about the rules.
      if (session.failure) throw error
      // What was shown before stays, and the rules say why.
      this.#refusal = (error as Error).message
    }
  }

  /** Shows everything but the rows. */
  #update(): void {
    const summary = this.#summary
    const given = this.#given
    this.#frame.element.dataset.state = given.groups.length > 0 ? 'filled' : 'empty'
    this.#startOver.hidden = given.isEmpty
    this.#swap.hidden = !given.jobProfile && !given.localProfile
    this.#fromProfiles.hidden = !(given.areRulesOwn && given.jobProfile && given.localProfile)
    this.#formatSelect.value = given.destinationPathFormat
    this.#formatSelect.disabled = given.localProfile !== null
    this.#toolbar.showSummary(summary)
    this.#toolbar.showQuery(this.#query)
    if (summary) this.#toolbar.showAmount(this.#shown, summary, filterWords(this.#query, summary.totals))
    this.#grid.ordered(this.#query.orderBy ?? 'status', this.#query.descending ?? false)
    this.#editor.check(given.destinationPathFormat)
    this.#editor.showTotals(summary?.totals ?? null)
    this.#manifests.showTotals(summary?.totals ?? null, this.#query.rootPath)
    this.#manifests.showProblems((group) => rootWords(given, group))
    say(this.#profileNotice, profileWords(given, this.#profileProblem))
    say(this.#ruleNotice, ruleWords(given))
    say(this.#ruleProblem, refusalWords(given, this.#refusal, summary !== null))
  }

  async #toggle(path: string): Promise<void> {
    try {
      this.#shown = await this.#worker().call('toggle', path)
      await this.#grid.show(this.#shown, true)
    } catch (error) {
      this.#failed(error)
    }
  }

  /** What was last given and chosen, not what is about to be replaced. */
  async #exported(format: 'csv' | 'json'): Promise<{ document: Blob; entryCount: number }> {
    await this.#refresh.settled()
    return this.#worker().call('exported', format)
  }

  async #copyShown(): Promise<void> {
    try {
      await this.#refresh.settled()
      const { text, entryCount } = await this.#worker().call('copied')
      if (text !== null) await this.#takeAlong.copy(text, counted(entryCount, 'path'))
      else
        this.#takeAlong.say(
          `${counted(entryCount, 'file')} are too many for the clipboard; export them instead.`,
        )
    } catch (error) {
      this.#failed(error)
    }
  }

  async #save(format: 'csv' | 'json'): Promise<void> {
    try {
      const { document, entryCount } = await this.#exported(format)
      this.#takeAlong.save(document, `attachments-preview.${format}`, counted(entryCount, 'file'))
    } catch (error) {
      this.#takeAlong.say((error as Error).message)
    }
  }

  #failed(error: unknown): void {
    if (error instanceof Closed) return
    if (this.#session?.failure) this.#lose()
    say(this.#workerProblem, (error as Error).message)
  }
}

/** A copy that may be sent to a worker, as a framework's proxy may not. */
function plain(profile: StorageProfile | null): StorageProfile | null {
  return JSON.parse(JSON.stringify(profile ?? null)) as StorageProfile | null
}

function say(element: HTMLElement, words: string | null): void {
  setText(element, words ?? '')
  element.hidden = words === null
}

function pathsOf(row: Row): string {
  if (row.kind === 'folder') return row.folder.path
  return [row.entry.sourcePath, row.entry.localPath ?? ''].join('\t')
}

function ofFile(file: File): Types.PreviewManifest {
  return { name: file.name, data: file }
}

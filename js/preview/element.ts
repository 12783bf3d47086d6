/** The element: what a person gives on one side, what comes of it on the other, and a worker between them. */

import type { PathFormat, PathMappingRule, StorageProfile } from '../types.js'
import { Details } from './details.js'
import { h, icon, setAttribute, setText } from './dom.js'
import { counted, formatOf } from './format.js'
import { Grid, type Order } from './grid.js'
import { type Group, type Item, ManifestList } from './manifest-list.js'
import { ProfileSlot } from './profile-slot.js'
import type { Loaded, Query, Row, Settings, Shown } from './protocol.js'
import { formatNames, relative, RuleEditor } from './rule-editor.js'
import { Closed, newestOnly, Session } from './session.js'
import { styleSheet } from './styles.js'
import { Toolbar } from './toolbar.js'
import type * as Types from './types.js'

/** On a server there are no elements; the class is there to be imported, not to be made. */
// eslint-disable-next-line @typescript-eslint/no-extraneous-class -- there is nothing to extend
const Base = typeof HTMLElement === 'undefined' ? (class {} as typeof HTMLElement) : HTMLElement

/** How long work may take before the page says that it works. */
const patience = 200

const nothing: Shown = { rowCount: 0, entryCount: 0, totalSize: 0 }
const noQuery: Query = { layout: 'list', orderBy: 'status', descending: false }

export class AttachmentsPreview extends Base implements Types.AttachmentsPreview {
  #session: Session | null = null
  #isBuilt = false
  #groups: Group[] = []
  #items = 0
  #jobProfile: StorageProfile | null = null
  #localProfile: StorageProfile | null = null
  #rules: PathMappingRule[] = []
  /** Whether the rules are a person's or a script's, no longer those between the profiles. */
  #areRulesOwn = false
  /** Whether both profiles are one, so that paths stay as they are. */
  #isOneProfile = false
  #wantedFormat: PathFormat | null = null
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

  readonly #manifests = new ManifestList({
    changed: () => this.#replan(),
    remove: (item) => this.#remove(item),
    separate: (item) => this.#separate(item),
    only: (rootPath) => {
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
      this.#rules = rules
      this.#areRulesOwn = true
      this.#replan()
    },
    only: (rule) => {
      this.#choose({ rule: this.#query.rule === rule ? undefined : rule, rootPath: undefined })
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
    copy: (row) => void this.#copy(pathsOf(row), 'The row'),
    order: (by: Order) => {
      const isSame = this.#query.orderBy === by
      this.#choose({ orderBy: by, descending: isSame && !this.#query.descending })
    },
  })
  readonly #details = new Details({
    copy: (text, what) => void this.#copy(text, what),
    close: () => {
      this.#grid.release()
      this.#grid.element.focus()
    },
  })
  readonly #profileNotice = h('p', { class: 'notice', hidden: true })
  readonly #ruleNotice = h('p', { class: 'notice', hidden: true })
  readonly #ruleProblem = h('p', { class: 'problem', role: 'alert', hidden: true })
  readonly #workerProblem = h('p', { class: 'problem banner', role: 'alert', hidden: true })
  readonly #said = h('p', { class: 'said', role: 'status' })
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
    },
    icon('swap'),
  )
  readonly #startOver = h(
    'button',
    { type: 'button', class: 'link', hidden: true, click: () => this.clear() },
    'Start over',
  )
  readonly #app = h('div', { class: 'app' })

  connectedCallback(): void {
    if (!this.#isBuilt) this.#build()
    // Taken out and put back, the element has lost its worker; the files it still has.
    if (this.#has('unread')) void this.#load()
    else if (this.#isStale) void this.#refresh()
  }

  disconnectedCallback(): void {
    // Moving an element takes it out for a moment.
    queueMicrotask(() => {
      if (!this.isConnected) this.#lose()
    })
  }

  get jobStorageProfile(): StorageProfile | null {
    return this.#jobProfile
  }

  set jobStorageProfile(profile: StorageProfile | null) {
    this.#jobProfile = profile
    this.#jobSlot.show(profile)
    void this.#takeProfileRules()
  }

  get localStorageProfile(): StorageProfile | null {
    return this.#localProfile
  }

  set localStorageProfile(profile: StorageProfile | null) {
    this.#localProfile = profile
    this.#localSlot.show(profile)
    void this.#takeProfileRules()
  }

  get rules(): PathMappingRule[] {
    return this.#rules.map((rule) => ({ ...rule }))
  }

  set rules(rules: PathMappingRule[]) {
    this.#areRulesOwn = true
    this.#setRules(rules)
  }

  get destinationPathFormat(): PathFormat {
    if (this.#localProfile) return this.#localProfile.osFamily === 'WINDOWS' ? 'windows' : 'posix'
    if (this.#wantedFormat) return this.#wantedFormat
    const told = this.#rules
      .map(({ destinationPath }) => formatOf(destinationPath))
      .find((format) => format !== null)
    return told ?? (navigator.userAgent.includes('Windows') ? 'windows' : 'posix')
  }

  set destinationPathFormat(format: PathFormat) {
    this.#wantedFormat = format
    this.#replan()
  }

  async add(manifests: Types.PreviewManifest[]): Promise<void> {
    for (const manifest of manifests) this.#item(manifest)
    await this.#load()
  }

  clear(): void {
    this.#lose()
    this.#groups = []
    this.#jobProfile = this.#localProfile = this.#wantedFormat = null
    this.#rules = []
    this.#areRulesOwn = this.#isOneProfile = this.#areProfileRulesDue = false
    this.#query = noQuery
    this.#refusal = this.#profileProblem = null
    say(this.#workerProblem, null)
    this.#jobSlot.show(null)
    this.#localSlot.show(null)
    this.#editor.show([])
    this.#manifests.show([])
    this.#replan()
  }

  exportEntries(format: 'csv' | 'json'): Promise<Blob> {
    return this.#worker().call('exported', format)
  }

  #build(): void {
    this.#isBuilt = true
    const root = this.attachShadow({ mode: 'open' })
    root.adoptedStyleSheets = [styleSheet()]
    const file = h('input', {
      type: 'file',
      multiple: true,
      hidden: true,
      change: () => {
        void this.add(Array.from(file.files ?? [], ofFile))
        file.value = ''
      },
    })
    const choose = (className: string, text: string) =>
      h(
        'button',
        {
          type: 'button',
          class: className,
          click: () => file.click(),
        },
        text,
      )
    this.#swap.addEventListener('click', () => {
      const { jobStorageProfile, localStorageProfile } = this
      this.jobStorageProfile = localStorageProfile
      this.localStorageProfile = jobStorageProfile
    })
    const empty = h(
      'div',
      { class: 'empty' },
      icon('drop'),
      h('h2', {}, 'Drop manifests here'),
      h('p', {}, 'See where every file will land before anything is fetched. Nothing leaves this page.'),
      h('div', { class: 'buttons' }, choose('primary', 'Choose files'), h('slot', { name: 'empty' })),
    )
    const panel = (title: string, actions: Node[], ...content: Node[]) =>
      h(
        'section',
        { class: 'panel', 'aria-label': title },
        h('div', { class: 'heading' }, h('h2', {}, title), ...actions),
        ...content,
      )
    this.#app.append(
      h(
        'section',
        { class: 'plan', 'aria-label': 'Plan' },
        this.#workerProblem,
        this.#toolbar.element,
        empty,
        this.#grid.element,
        this.#details.element,
        this.#said,
      ),
      h(
        'section',
        { class: 'setup', 'aria-label': 'What is planned', tabindex: 0 },
        panel('Manifests', [this.#startOver, choose('', 'Add files')], this.#manifests.element),
        panel(
          'Storage profiles',
          [this.#swap],
          h('div', { class: 'slots' }, this.#jobSlot.element, this.#localSlot.element),
          this.#profileNotice,
        ),
        panel(
          'Mapping rules',
          [this.#fromProfiles],
          h('label', { class: 'line' }, 'Files land on', this.#formatSelect),
          this.#ruleNotice,
          this.#ruleProblem,
          this.#editor.element,
        ),
      ),
      file,
    )
    root.append(this.#app)
    this.#listenForFiles()
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

  #listenForFiles(): void {
    // Entering a child is told before leaving its parent, so depth counts.
    let depth = 0
    const dragging = (change: number) => {
      depth = change === 0 ? 0 : Math.max(depth + change, 0)
      setAttribute(this.#app, 'data-dragging', depth > 0)
    }
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true
    this.addEventListener('dragenter', (event) => {
      if (hasFiles(event)) dragging(1)
    })
    this.addEventListener('dragleave', (event) => {
      if (hasFiles(event)) dragging(-1)
    })
    this.addEventListener('dragover', (event) => {
      if (hasFiles(event)) event.preventDefault()
    })
    this.#app.addEventListener('dropped', () => dragging(0))
    this.addEventListener('drop', (event) => {
      dragging(0)
      if (!hasFiles(event)) return
      event.preventDefault()
      void this.add(Array.from(event.dataTransfer?.files ?? [], ofFile))
    })
  }

  /** Takes a manifest in, beside those of its root. */
  #item({ name, data, rootPath, ...rest }: Types.PreviewManifest): void {
    const item: Item = {
      id: ++this.#items,
      name,
      data: data instanceof Blob ? data : new Blob([data as BlobPart]),
      sourcePathFormat: rest.sourcePathFormat,
      lastModified: rest.lastModified ?? (data instanceof File ? data.lastModified : 0),
      key: rest.key,
      jobId: rest.jobId,
      state: 'unread',
      fileCount: 0,
      hasAbsolutePaths: false,
    }
    const root = rootPath === undefined ? this.#likelyRoot() : { rootPath, guessedFrom: null }
    // What was told and what was guessed are not one, though they are the same.
    const group = this.#groups.find(
      ({ rootPath, guessedFrom }) => rootPath === root.rootPath && guessedFrom === root.guessedFrom,
    )
    if (group) group.items.push(item)
    else this.#groups.push({ ...root, items: [item] })
  }

  /** What a root is likely to be that nobody has told: where the rules begin. */
  #likelyRoot(): Omit<Group, 'items'> {
    const location = this.#jobProfile?.fileSystemLocations?.[0]?.path
    if (location) return { rootPath: location, guessedFrom: 'the job’s storage profile' }
    const source = this.#rules[0]?.sourcePath
    if (source) return { rootPath: source, guessedFrom: 'the first rule' }
    return { rootPath: '', guessedFrom: null }
  }

  /** The worker; one that died is replaced. */
  #worker(): Session {
    if (this.#session?.failure) this.#lose()
    if (!this.#session) {
      this.#session = new Session()
      // It is given what another one had read, unless whoever asks does so.
      queueMicrotask(() => {
        if (this.isConnected && this.#has('unread')) void this.#load()
      })
    }
    return this.#session
  }

  /** Lets the worker go, with all that it has read. */
  #lose(): void {
    this.#session?.close()
    this.#session = null
    this.#summary = null
    for (const item of this.#allItems()) if (typeof item.state === 'string') item.state = 'unread'
  }

  #has(state: Item['state']): boolean {
    return this.#allItems().some((item) => item.state === state)
  }

  #allItems(): Item[] {
    return this.#groups.flatMap(({ items }) => items)
  }

  /** Reads whatever the worker does not have. */
  async #load(): Promise<void> {
    const session = this.#worker()
    const items = this.#allItems().filter(({ state }) => state === 'unread')
    for (const item of items) item.state = 'reading'
    this.#manifests.show(this.#groups)
    this.#update()
    if (this.#areProfileRulesDue) void this.#takeProfileRules()
    await Promise.all(items.map((item) => this.#loadOne(session, item)))
    await this.#refresh()
  }

  async #loadOne(session: Session, item: Item): Promise<void> {
    try {
      const loaded = await session.call('load', item.id, item.data)
      if (session !== this.#session) return
      say(this.#workerProblem, null)
      this.#take(item, loaded)
    } catch (error) {
      if (session !== this.#session) return
      // Where it is the worker that is bad, the file may be good: the next worker reads it.
      if (session.failure) this.#failed(error)
      else item.state = { problem: (error as Error).message }
    }
    this.#manifests.show(this.#groups)
    this.#isStale = true
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
    this.#drop(item)
    if (loaded.kind === 'rules') this.rules = loaded.rules
    else if (this.#jobProfile) this.localStorageProfile = loaded.profile
    else this.jobStorageProfile = loaded.profile
  }

  /** Takes an item out of its group, and the group with its last one. */
  #drop(item: Item): void {
    for (const group of this.#groups) group.items = group.items.filter((other) => other !== item)
    this.#groups = this.#groups.filter(({ items }) => items.length > 0)
  }

  #remove(item: Item): void {
    this.#drop(item)
    this.#manifests.show(this.#groups)
    this.#worker()
      .call('forget', [item.id])
      .catch((error: unknown) => this.#failed(error))
    this.#replan()
  }

  #separate(item: Item): void {
    this.#drop(item)
    this.#groups.push({ rootPath: '', guessedFrom: null, items: [item] })
    this.#manifests.show(this.#groups)
    this.#replan()
  }

  /** Lets a person's rules go for those between the two profiles. */
  #useProfileRules(): void {
    this.#areRulesOwn = false
    void this.#takeProfileRules()
  }

  /** Makes the rules those between the two profiles, unless they are a person's own: those only a person lets go. */
  async #takeProfileRules(): Promise<void> {
    const [job, local] = [this.#jobProfile, this.#localProfile]
    this.#isOneProfile = false
    this.#profileProblem = null
    this.#areProfileRulesDue = false
    // Nothing is lost with rules that say nothing yet.
    const isBlank = this.#rules.every((rule) => rule.sourcePath === '' && rule.destinationPath === '')
    if (isBlank) this.#areRulesOwn = false
    if (!job || !local) {
      if (!this.#areRulesOwn) this.#setRules([])
      else this.#rooted()
      return
    }
    const session = this.#worker()
    try {
      const rules = await session.call('rulesBetween', job, local)
      if (job !== this.#jobProfile || local !== this.#localProfile) return
      say(this.#workerProblem, null)
      this.#isOneProfile = rules === null
      // Rules that were set while the worker answered are newer than its answer.
      if (!this.#areRulesOwn) this.#setRules(rules ?? [])
      else this.#rooted()
    } catch (error) {
      if (job !== this.#jobProfile || local !== this.#localProfile) return
      this.#areProfileRulesDue = session.failure !== null
      if (session.failure) this.#failed(error)
      else this.#profileProblem = (error as Error).message
      this.#update()
    }
  }

  #setRules(rules: PathMappingRule[]): void {
    this.#rules = rules.map((rule) => ({ ...rule }))
    this.#editor.show(this.#rules)
    this.#rooted()
  }

  /** Plans anew, with a likely root where there is none. */
  #rooted(): void {
    const root = this.#likelyRoot()
    for (const group of this.#groups) if (group.rootPath === '') Object.assign(group, root)
    this.#manifests.refreshRoots()
    this.#replan()
  }

  #settings(): Settings {
    const destinationPathFormat = this.destinationPathFormat
    const sources = this.#groups.flatMap((group) =>
      group.items
        .filter(({ state }) => state === 'ready')
        .map((item) => ({
          id: item.id,
          rootPath: group.rootPath,
          sourcePathFormat: this.#sourceFormat(group, item),
          lastModified: item.lastModified,
          key: item.key,
          jobId: item.jobId,
        })),
    )
    const rules = this.#isOneProfile && !this.#areRulesOwn ? null : this.#rules
    // As a download on a Mac does; elsewhere the format tells.
    const caseInsensitive = this.#localProfile?.osFamily === 'MACOS' ? true : undefined
    return { sources, rules, destinationPathFormat, caseInsensitive }
  }

  #sourceFormat({ rootPath }: Group, item: Item | undefined): PathFormat {
    if (item?.sourcePathFormat) return item.sourcePathFormat
    if (this.#jobProfile) return this.#jobProfile.osFamily === 'WINDOWS' ? 'windows' : 'posix'
    return this.#rules[0]?.sourcePathFormat ?? formatOf(rootPath) ?? 'posix'
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
    if (this.isConnected && this.#has('unread')) void this.#load()
    else void this.#refresh()
  }

  /** Brings the list up to date with what was given and chosen. */
  async #refreshed(): Promise<void> {
    // Nobody sees it, and its worker is gone; put back, it makes up for this.
    if (!this.isConnected) return
    const busy = setTimeout(() => {
      setAttribute(this.#app, 'aria-busy', 'true')
    }, patience)
    try {
      const isQueryNew = this.#isQueryNew
      this.#isQueryNew = false
      if (this.#isStale) await this.#planned()
      // Without a plan nobody needs a worker.
      this.#shown = this.#summary ? await this.#worker().call('show', this.#query) : nothing
      if (this.#summary) say(this.#workerProblem, null)
      await this.#grid.show(this.#shown.rowCount, this.#query.layout === 'folders', !isQueryNew)
      this.#update()
    } catch (error) {
      this.#failed(error)
    } finally {
      clearTimeout(busy)
      setAttribute(this.#app, 'aria-busy', undefined)
    }
  }

  async #planned(): Promise<void> {
    this.#isStale = false
    this.#refusal = null
    // A worker that died is replaced first: what it had read is no longer there to be planned.
    const session = this.#has('ready') ? this.#worker() : null
    const settings = this.#settings()
    if (!session || settings.sources.length === 0) {
      this.#summary = null
      return
    }
    try {
      this.#summary = await session.call('plan', settings)
      const { rule, rootPath } = this.#query
      const { rules, roots } = this.#summary.totals
      if (rule !== undefined && rule >= rules.length) this.#query = { ...this.#query, rule: undefined }
      if (rootPath !== undefined && !roots.some((root) => root.rootPath === rootPath))
        this.#query = { ...this.#query, rootPath: undefined }
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
    const hasManifests = this.#allItems().length > 0
    this.#app.dataset.state = hasManifests ? 'filled' : 'empty'
    this.#startOver.hidden =
      !hasManifests && !this.#jobProfile && !this.#localProfile && this.#rules.length === 0
    this.#swap.hidden = !this.#jobProfile && !this.#localProfile
    this.#fromProfiles.hidden = !(this.#areRulesOwn && this.#jobProfile && this.#localProfile)
    this.#formatSelect.value = this.destinationPathFormat
    this.#formatSelect.disabled = this.#localProfile !== null
    this.#toolbar.showSummary(summary)
    this.#toolbar.showQuery(this.#query)
    if (summary) this.#toolbar.showAmount(this.#shown, summary, this.#filters())
    this.#grid.ordered(this.#query.orderBy ?? 'status', this.#query.descending ?? false)
    this.#editor.check(this.destinationPathFormat)
    this.#editor.showTotals(summary?.totals ?? null, this.#query.rule)
    this.#manifests.showTotals(summary?.totals ?? null, this.#query.rootPath)
    this.#manifests.showProblems((group) => this.#rootProblem(group))
    say(this.#profileNotice, this.#profileWords())
    say(this.#ruleNotice, this.#ruleWords())
    say(this.#ruleProblem, this.#refusalWords())
  }

  #filters(): string {
    const { rule, rootPath } = this.#query
    const source = rule === undefined ? undefined : this.#summary?.totals.rules[rule]?.sourcePath
    if (source !== undefined) return ` · only what the rule for ${source} caught`
    return rootPath === undefined ? '' : ` · only below ${rootPath}`
  }

  #rootProblem(group: Group): string | null {
    const ready = group.items.filter(({ state, hasAbsolutePaths }) => state === 'ready' && !hasAbsolutePaths)
    if (ready.length === 0) return null
    if (group.rootPath === '')
      return 'Say which folder the paths are below, on the machine that made the files.'
    return relative(group.rootPath, this.#sourceFormat(group, ready[0]))
  }

  #profileWords(): string | null {
    const [job, local] = [this.#jobProfile, this.#localProfile]
    if (!job && !local) return null
    if (!job || !local) {
      const missing = job ? 'This machine’s' : 'The job’s'
      return `${missing} profile is missing: paths are mapped from the job’s to this machine’s.`
    }
    if (this.#profileProblem !== null) return this.#profileProblem
    if (this.#isOneProfile && !this.#areRulesOwn) return 'Both are one profile, so paths stay as they are.'
    const names = ({ fileSystemLocations }: StorageProfile) =>
      (fileSystemLocations ?? []).map(({ name }) => name).join(', ') || 'none'
    const isShared = job.fileSystemLocations?.some(({ name }) =>
      local.fileSystemLocations?.some((other) => other.name === name),
    )
    return isShared
      ? null
      : `These profiles share no location name, so they map nothing. The job’s: ${names(job)}. This machine’s: ` +
          `${names(local)}. Give a location one name in both, or add a rule below.`
  }

  #ruleWords(): string | null {
    if (this.#rules.length > 0 || (this.#jobProfile && this.#localProfile) || this.#allItems().length === 0)
      return null
    return 'Without rules nothing has a place. Give both storage profiles, or add a rule.'
  }

  #refusalWords(): string | null {
    if (this.#refusal === null) return null
    const formats = new Set(this.#rules.map(({ sourcePathFormat }) => sourcePathFormat))
    const words =
      formats.size > 1
        ? `These rules mix ${[...formats].map((format) => formatNames[format]).join(' and ')} source paths, but a ` +
          'job’s paths are all of one kind. Change the format of a rule, or remove it.'
        : this.#refusal
    return this.#summary ? `${words} Until then the list shows what the rules before gave.` : words
  }

  async #toggle(path: string): Promise<void> {
    try {
      this.#shown = await this.#worker().call('toggle', path)
      await this.#grid.show(this.#shown.rowCount, true, true)
    } catch (error) {
      this.#failed(error)
    }
  }

  async #copyShown(): Promise<void> {
    try {
      const text = await this.#worker().call('copied')
      const { entryCount } = this.#shown
      if (text === null)
        this.#say(`${counted(entryCount, 'file')} are too many for the clipboard; export them instead.`)
      else await this.#copy(text, counted(entryCount, 'path'))
    } catch (error) {
      this.#failed(error)
    }
  }

  async #copy(text: string, what: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text)
      this.#say(`${what} copied.`)
    } catch {
      this.#say('The browser does not let this page use the clipboard; export instead.')
    }
  }

  async #save(format: 'csv' | 'json'): Promise<void> {
    try {
      const href = URL.createObjectURL(await this.exportEntries(format))
      h('a', { href, download: `attachments-preview.${format}` }).click()
      setTimeout(() => {
        URL.revokeObjectURL(href)
      }, 60_000)
      this.#say(`${counted(this.#shown.entryCount, 'file')} exported.`)
    } catch (error) {
      this.#say((error as Error).message)
    }
  }

  #say(words: string): void {
    setText(this.#said, words)
    setTimeout(() => {
      if (this.#said.textContent === words) setText(this.#said, '')
    }, 6_000)
  }

  #failed(error: unknown): void {
    if (error instanceof Closed) return
    if (this.#session?.failure) this.#lose()
    say(this.#workerProblem, (error as Error).message)
  }
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

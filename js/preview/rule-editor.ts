/** The path mapping rules, each with what it catches. Whatever is typed counts at once. */

import type { PathFormat, PathMappingRule, PlanTotals } from '../types.js'
import { h, icon, keepFocus, setAttribute, setChildren, setText } from './dom.js'
import { bytes, counted, formatOf } from './format.js'
import { Totals } from './totals.js'

/** What the editor asks of its page. */
export type RuleHost = {
  /** A person changed a rule. */
  changed(rules: PathMappingRule[]): void
  /** A person wants to see what one rule caught alone, or again all: see {@link RuleEditor.only}. */
  chosen(): void
}

/** How a format is called in front of people. */
export const formatNames: Record<PathFormat, string> = { windows: 'Windows', posix: 'POSIX' }

/** A rule with the elements that show it. */
type Line = {
  rule: PathMappingRule
  element: HTMLElement
  source: HTMLInputElement
  destination: HTMLInputElement
  sourceProblem: HTMLElement
  destinationProblem: HTMLElement
  totals: Totals
  /** Shows which one of all it is. */
  number(n: number): void
}

export class RuleEditor {
  readonly element: HTMLElement
  readonly #host: RuleHost
  readonly #list = h('div', { class: 'rules' })
  #lines: Line[] = []
  /** The rule whose files are shown alone; it may be edited, and stand elsewhere among the rules. */
  #only: Line | null = null
  #made = 0

  constructor(host: RuleHost) {
    this.#host = host
    this.element = h(
      'div',
      {},
      this.#list,
      h(
        'button',
        {
          type: 'button',
          class: 'add',
          click: () => this.#add().source.focus(),
        },
        icon('add'),
        'Add a rule',
      ),
    )
  }

  /** The rules as they stand; lines that are still empty are none. */
  get rules(): PathMappingRule[] {
    const filled = this.#lines.filter(({ rule }) => rule.sourcePath !== '' || rule.destinationPath !== '')
    return filled.map(({ rule }) => ({ ...rule }))
  }

  /** Shows other rules. */
  show(rules: PathMappingRule[]): void {
    this.#only = null
    this.#change(rules.map((rule) => this.#line({ ...rule })))
  }

  /** Which of a plan's rules is shown alone; `undefined` where none is. */
  only({ rules }: PlanTotals): number | undefined {
    const rule = this.#only?.rule
    const index = rule ? rules.findIndex((other) => isSame(other, rule)) : -1
    return index < 0 ? undefined : index
  }

  /** Shows everything again. */
  showAll(): void {
    this.#only = null
  }

  /** Shows what each rule caught. */
  showTotals(totals: PlanTotals | null): void {
    for (const line of this.#lines) {
      const of = totals?.rules.find((other) => isSame(other, line.rule))
      const words = of && `${counted(of.fileCount, 'file')} · ${bytes(of.totalSize)}`
      line.totals.show(
        of?.fileCount === 0 ? 'catches nothing' : (words ?? null),
        `what the rule for ${line.rule.sourcePath} caught`,
        this.#only === line,
        of !== undefined && of.fileCount > 0,
      )
    }
  }

  /** Says beside each path what is wrong with it. */
  check(destinationPathFormat: PathFormat): void {
    for (const { rule, source, destination, sourceProblem, destinationProblem } of this.#lines) {
      const isEmpty = rule.sourcePath === '' && rule.destinationPath === ''
      const say = (input: HTMLElement, element: HTMLElement, path: string, format: PathFormat) => {
        const words = isEmpty ? null : relative(path, format)
        setText(element, words ?? '')
        element.hidden = words === null
        setAttribute(input, 'aria-invalid', words === null ? undefined : 'true')
      }
      say(source, sourceProblem, rule.sourcePath, rule.sourcePathFormat)
      say(destination, destinationProblem, rule.destinationPath, destinationPathFormat)
    }
  }

  #add(): Line {
    const sourcePathFormat = this.#lines.at(-1)?.rule.sourcePathFormat ?? 'windows'
    const line = this.#line({ sourcePathFormat, sourcePath: '', destinationPath: '' })
    this.#change([...this.#lines, line])
    return line
  }

  #change(lines: Line[]): void {
    keepFocus(this.element, () => {
      this.#lines = lines
      setChildren(
        this.#list,
        lines.map(({ element }) => element),
      )
      for (const [index, line] of lines.entries()) line.number(index + 1)
    })
  }

  #line(rule: PathMappingRule): Line {
    const id = ++this.#made
    const changed = () => this.#host.changed(this.rules)
    const field = (name: 'sourcePath' | 'destinationPath', placeholder: string) => {
      const problem = h('p', {
        class: 'problem',
        id: `${name}-problem-${id}`,
        role: 'alert',
        hidden: true,
      })
      const input = h('input', {
        class: 'path',
        spellcheck: 'false',
        autocomplete: 'off',
        placeholder,
        'aria-describedby': problem.id,
        input: () => {
          const path = input.value.trim()
          // Typed into an empty rule, a path tells its own format.
          if (name === 'sourcePath') {
            const format = formatOf(path)
            if (format && formatOf(rule.sourcePath) !== format) rule.sourcePathFormat = format
            select.value = rule.sourcePathFormat
          }
          rule[name] = path
          changed()
        },
      })
      input.value = rule[name]
      return { input, problem }
    }
    const source = field('sourcePath', 'Z:\\Projects')
    const destination = field('destinationPath', '/mnt/projects')
    const select = h(
      'select',
      {
        change: () => {
          rule.sourcePathFormat = select.value as PathFormat
          changed()
        },
      },
      ...Object.entries(formatNames).map(([value, name]) => h('option', { value }, name)),
    )
    select.value = rule.sourcePathFormat
    const totals = new Totals(() => {
      this.#only = this.#only === line ? null : line
      this.#host.chosen()
    })
    const remove = h(
      'button',
      {
        type: 'button',
        class: 'quiet',
        'data-does': 'remove',
        title: 'Remove this rule',
        click: () => {
          if (this.#only === line) this.#only = null
          this.#change(this.#lines.filter((other) => other !== line))
          changed()
        },
      },
      icon('remove'),
    )
    const element = h(
      'section',
      { class: 'card rule' },
      h('div', { class: 'rule-source' }, source.input, select, remove),
      source.problem,
      h('div', { class: 'rule-destination' }, icon('arrow'), destination.input),
      destination.problem,
      totals.element,
    )
    const line: Line = {
      rule,
      element,
      source: source.input,
      destination: destination.input,
      sourceProblem: source.problem,
      destinationProblem: destination.problem,
      totals,
      number: (n) => {
        const names: [Element, string][] = [
          [element, 'Rule'],
          [source.input, 'Source path of rule'],
          [select, 'Source path format of rule'],
          [destination.input, 'Destination path of rule'],
          [remove, 'Remove rule'],
        ]
        for (const [part, name] of names) setAttribute(part, 'aria-label', `${name} ${n}`)
      },
    }
    return line
  }
}

/** What is wrong with a path that must be absolute; `null` where it is. */
export function relative(path: string, format: PathFormat): string | null {
  // Windows takes both separators, and a share may be written with either.
  const isAbsolute =
    format === 'posix' ? path.startsWith('/') : /^(?:[a-z]:[\\/]?|[\\/]{2}[^\\/])/i.test(path)
  if (isAbsolute) return null
  const example = format === 'posix' ? '/mnt/projects' : 'P:\\Projects or \\\\server\\share'
  const other = formatOf(path)
  const hint = other && other !== format ? ` It is a ${formatNames[other]} path.` : ''
  return path === ''
    ? `Give an absolute ${formatNames[format]} path, such as ${example}.`
    : `“${path}” is not an absolute ${formatNames[format]} path, such as ${example}.${hint}`
}

function isSame(a: PathMappingRule, b: PathMappingRule): boolean {
  return (
    a.sourcePathFormat === b.sourcePathFormat &&
    a.sourcePath === b.sourcePath &&
    a.destinationPath === b.destinationPath
  )
}

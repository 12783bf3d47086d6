/** The path mapping rules, each with what it catches. Whatever is typed counts at once. */

import type { PathFormat, PathMappingRule, PlanTotals } from '../types.js'
import { h, icon, setAttribute, setText } from './dom.js'
import { bytes, counted, formatOf } from './format.js'

/** What the editor asks of its page. */
export type RuleHost = {
  /** A person changed a rule. */
  changed(rules: PathMappingRule[]): void
  /** Shows what this rule caught alone, or again all. */
  only(rule: number): void
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
  totals: HTMLElement
}

export class RuleEditor {
  readonly element: HTMLElement
  readonly #host: RuleHost
  readonly #list = h('div', { class: 'rules' })
  #lines: Line[] = []
  #numbers = 0

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
    this.#lines = rules.map((rule) => this.#line({ ...rule }))
    this.#list.replaceChildren(...this.#lines.map(({ element }) => element))
  }

  /** Shows what each rule caught. */
  showTotals(totals: PlanTotals | null, only: number | undefined): void {
    for (const { rule, totals: element } of this.#lines) {
      const index = totals?.rules.findIndex((other) => isSame(other, rule)) ?? -1
      const of = totals?.rules[index]
      element.replaceChildren()
      if (!of) continue
      element.append(
        h(
          'span',
          {},
          of.fileCount === 0
            ? 'catches nothing'
            : `${counted(of.fileCount, 'file')} · ${bytes(of.totalSize)}`,
        ),
      )
      if (of.fileCount === 0) continue
      element.append(
        h(
          'button',
          {
            type: 'button',
            class: 'link',
            'aria-pressed': String(only === index),
            'aria-label': `${only === index ? 'Show all' : 'Only these'}: what the rule for ${rule.sourcePath} caught`,
            click: () => this.#host.only(index),
          },
          only === index ? 'Show all' : 'Only these',
        ),
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
    this.#lines.push(line)
    this.#list.append(line.element)
    return line
  }

  #line(rule: PathMappingRule): Line {
    const number = ++this.#numbers
    const changed = () => this.#host.changed(this.rules)
    const field = (name: 'sourcePath' | 'destinationPath', label: string, placeholder: string) => {
      const problem = h('p', {
        class: 'problem',
        id: `${name}-problem-${number}`,
        role: 'alert',
        hidden: true,
      })
      const input = h('input', {
        class: 'path',
        spellcheck: 'false',
        autocomplete: 'off',
        placeholder,
        'aria-label': label,
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
    const source = field('sourcePath', `Source path of rule ${number}`, 'Z:\\Projects')
    const destination = field('destinationPath', `Destination path of rule ${number}`, '/mnt/projects')
    const select = h(
      'select',
      {
        'aria-label': `Source path format of rule ${number}`,
        change: () => {
          rule.sourcePathFormat = select.value as PathFormat
          changed()
        },
      },
      ...Object.entries(formatNames).map(([value, name]) => h('option', { value }, name)),
    )
    select.value = rule.sourcePathFormat
    const totals = h('div', { class: 'totals' })
    const element = h(
      'section',
      { class: 'card rule', 'aria-label': `Rule ${number}` },
      h(
        'div',
        { class: 'rule-source' },
        source.input,
        select,
        h(
          'button',
          {
            type: 'button',
            class: 'quiet',
            'aria-label': `Remove rule ${number}`,
            title: 'Remove this rule',
            click: () => {
              this.#lines = this.#lines.filter((other) => other !== line)
              element.remove()
              changed()
            },
          },
          icon('remove'),
        ),
      ),
      source.problem,
      h('div', { class: 'rule-destination' }, icon('arrow'), destination.input),
      destination.problem,
      totals,
    )
    const line: Line = {
      rule,
      element,
      source: source.input,
      destination: destination.input,
      sourceProblem: source.problem,
      destinationProblem: destination.problem,
      totals,
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

/** The form of the `deadline` CLI's configuration file: what Python's ConfigParser writes and reads. */

/** Sections with their settings. */
export type Sections = ReadonlyMap<string, ReadonlyMap<string, string>>

/** Reads the text of a file. Lines that are neither a section nor a setting are passed over. */
export function parseConfigFile(text: string): Sections {
  const sections = new Map<string, Map<string, string>>()
  let section: Map<string, string> | undefined
  let last: string | undefined
  for (const line of text.replace(/^\ufeff/, '').split(/\r?\n/)) {
    if (/^\s*([#;]|$)/.test(line)) continue
    const header = /^\[(.+)\]/.exec(line)
    const setting = /^([^\s=:][^=:]*?)\s*[=:]\s*(.*)$/.exec(line)
    if (header) {
      section = sections.get(header[1]!) ?? new Map<string, string>()
      sections.set(header[1]!, section)
      last = undefined
    } else if (/^\s/.test(line) && section && last !== undefined) {
      section.set(last, `${section.get(last)!}\n${line.trim()}`)
    } else if (setting && section) {
      last = setting[1]!.toLowerCase()
      section.set(last, unescape(setting[2]!.trim()))
    }
  }
  return sections
}

/** A percent sign is written twice. */
function unescape(value: string): string {
  return value.replaceAll('%%', '%')
}

/** What the `deadline` CLI has been told on this machine, so that nobody types it twice. */

import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

import { parseConfigFile, type Sections } from './config-file.js'
import { CommandError } from './failure.js'

/** The names under which there is no profile of that name, but whatever AWS tools take by themselves. */
const noProfile = ['', 'default', '(default)']

/** The settings of the file, each where `deadline config set` puts it: below its profile, its farm, its queue. */
export class Configuration {
  readonly #sections: Sections

  private constructor(sections: Sections) {
    this.#sections = sections
  }

  /** Reads `~/.deadline/config`, or the file that `DEADLINE_CONFIG_FILE_PATH` names; a missing one says nothing. */
  static read(): Configuration {
    const path = expandHome(process.env['DEADLINE_CONFIG_FILE_PATH'] || join('~', '.deadline', 'config'))
    try {
      return new Configuration(parseConfigFile(readFileSync(path, 'utf8')))
    } catch (thrown) {
      const { code, message } = thrown as NodeJS.ErrnoException
      if (code === 'ENOENT') return new Configuration(new Map())
      throw new CommandError(`the configuration of the deadline CLI cannot be read: ${message}`, {
        cause: thrown,
      })
    }
  }

  /** The AWS profile, under the name that its sections have. */
  get #profile(): string {
    return this.#at([], 'defaults', 'aws_profile_name') ?? '(default)'
  }

  /** The AWS profile, which what was typed names before what is configured. */
  profile(typed?: string): string | undefined {
    const name = typed ?? this.#profile
    return noProfile.includes(name) ? undefined : name
  }

  farmId(profile?: string): string | undefined {
    return this.#at(this.#below(profile), 'defaults', 'farm_id')
  }

  region(farmId: string, profile?: string): string | undefined {
    return this.#at(this.#below(profile, farmId), 'defaults', 'farm_region')
  }

  queueId(farmId: string, profile?: string): string | undefined {
    return this.#at(this.#below(profile, farmId), 'defaults', 'queue_id')
  }

  /** The storage profile of this machine. */
  storageProfileId(farmId: string, profile?: string): string | undefined {
    return this.#at(this.#below(profile, farmId), 'settings', 'storage_profile_id')
  }

  /** The job that was submitted last. */
  jobId(farmId: string, queueId: string, profile?: string): string | undefined {
    return this.#at(this.#below(profile, farmId, queueId), 'defaults', 'job_id')
  }

  /** `SKIP`, `OVERWRITE` or `CREATE_COPY`; undefined where a person is to be asked. */
  conflictResolution(): string | undefined {
    const name = this.#at([], 'settings', 'conflict_resolution')
    return name === 'NOT_SELECTED' ? undefined : name
  }

  /** Whether questions are taken as answered. */
  autoAccept(): boolean {
    const value = this.#at([], 'settings', 'auto_accept')?.toLowerCase() ?? 'false'
    return ['yes', 'on', 'true', '1'].includes(value)
  }

  httpsProxy(): string | undefined {
    return this.#at([], 'settings', 'https_proxy')
  }

  caBundle(): string | undefined {
    const path = this.#at([], 'settings', 'ca_bundle')
    return path === undefined ? undefined : expandHome(path)
  }

  #below(profile = this.#profile, ...ids: string[]): string[] {
    return [`profile-${profile}`, ...ids]
  }

  /** Empty counts as not set. */
  #at(prefixes: string[], section: string, name: string): string | undefined {
    return this.#sections.get([...prefixes, section].join(' '))?.get(name) || undefined
  }
}

/** A path with `~` for the home folder. */
export function expandHome(path: string): string {
  return /^~(?=$|[\\/])/.test(path) ? join(homedir(), path.slice(1)) : path
}

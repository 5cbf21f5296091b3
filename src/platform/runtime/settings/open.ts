import { once } from 'node:events'
import type { Clock } from '../../base/clock.ts'
import {
  defaultText,
  parseSetting,
  type ConfigSpec,
  type Mode,
  type Raw,
  type Setting,
} from '../../environment/config.ts'
import type { Db, Queryable, Tx } from '../../database/db.ts'
import { AppError, invariant } from '../../base/errors.ts'
import type { Log } from '../../observe/log.ts'
import type { MasterKey } from '../../environment/masterkey.ts'
import { createLoop } from '../jobs/loop.ts'
import type { Actor } from '../module.ts'
import { Secret } from '../../base/secrets.ts'
import { readHistory, readSettings, readVersion, incrementVersion, writeSetting, type StoredSetting } from './store.ts'

export interface SettingRow {
  name: string
  module: string
  doc: string
  /** Text of the value. `[secret]` for a secret that is set; undefined without a value. */
  value: string | undefined
  source: 'environment' | 'stored' | 'default'
  /** Text of the default. Empty without a default. */
  default: string
  /** True when the environment sets the value, so that it cannot be changed at run time. */
  locked: boolean
  secret: boolean
  /** Time of the stored value, also while the environment overrides it. `actor` set it. */
  setAt: Date | undefined
  actor: Actor | undefined
}

export interface SettingHistoryRow {
  version: bigint
  name: string
  change: 'set' | 'cleared'
  setAt: Date
  actor: Actor
}

/** The settings with `runtime: true`. Encrypted in the database, equal on all instances, effective within about a second. */
export interface Settings {
  /** Returns a function with the current values of a module. Call that function at each use. */
  view<Out>(spec: ConfigSpec<Out>): () => Out
  /**
   * Sets a setting, effective in this process right after the commit. Throws AppError `platform.unknown-setting` (404),
   * `platform.setting-locked` (409, the environment sets it) or `platform.bad-setting` (422, with the problem).
   */
  set(tx: Tx, name: string, value: Secret, actor: Actor): Promise<void>
  /** Resets a setting to its default. Throws the errors of `set`. */
  clear(tx: Tx, name: string, actor: Actor): Promise<void>
  list(): SettingRow[]
  /** Lists changes, newest first, without values. */
  history(q: Queryable, filter: { name?: string; before?: bigint; limit: number }): Promise<SettingHistoryRow[]>
  /** Reloads the stored settings if they changed. */
  refresh(): Promise<void>
  /** Refreshes once a second until the signal aborts. */
  follow(signal: AbortSignal): Promise<void>
}

export interface SettingsDeps {
  db: Db
  specs: readonly ConfigSpec[]
  /** Settings from the environment (`loadConfig`). */
  given: Raw
  mode: Mode
  masterKey: MasterKey
  clock: Clock
  log: Log
}

const POLL_MS = 1_000

/** Opens the settings store and loads its current values. */
export async function openSettings(deps: SettingsDeps): Promise<Settings> {
  const settings = new Store(deps)
  await settings.refresh()
  return settings
}

class Store implements Settings {
  readonly #deps: SettingsDeps
  #version = -1n
  #stored: readonly StoredSetting[] = []
  #raw: Raw = new Map()
  #views = new Map<ConfigSpec, unknown>()

  constructor(deps: SettingsDeps) {
    this.#deps = deps
  }

  view<Out>(spec: ConfigSpec<Out>): () => Out {
    invariant(this.#deps.specs.includes(spec), `${spec.module} is one of the known settings`)
    return () => {
      if (!this.#views.has(spec)) this.#views.set(spec, this.#parse(spec))
      return this.#views.get(spec) as Out
    }
  }

  /** Parses the settings of a module. Logs and ignores invalid stored values, so that a stricter new version still starts. */
  #parse(spec: ConfigSpec): unknown {
    const { mode, given, log } = this.#deps
    const parsed = spec.parse(this.#raw, { mode })
    if (parsed.problems.length === 0) return parsed.value
    log.error({ settings: spec.module, problems: parsed.problems }, 'stored settings are invalid and are ignored')
    const without = spec.parse(given, { mode })
    invariant(without.problems.length === 0, `the environment of ${spec.module} was checked at the start`)
    return without.value
  }

  async set(tx: Tx, name: string, value: Secret, actor: Actor): Promise<void> {
    const { spec, setting } = this.#requireChangeable(name)
    const { problem } = parseSetting(setting, value)
    if (problem !== undefined) throw badSetting(name, problem)
    await this.#change(tx, { spec, name, value, actor })
  }

  async clear(tx: Tx, name: string, actor: Actor): Promise<void> {
    const { spec } = this.#requireChangeable(name)
    await this.#change(tx, { spec, name, value: undefined, actor })
  }

  async #change(
    tx: Tx,
    change: { spec: ConfigSpec; name: string; value: Secret | undefined; actor: Actor },
  ): Promise<void> {
    const { mode, masterKey, clock } = this.#deps
    const { spec, name, value, actor } = change
    const version = await incrementVersion(tx)
    const next = new Map(this.#merge(await readSettings(tx)))
    if (value) next.set(name, value)
    else next.delete(name)
    const { problems } = spec.parse(next, { mode })
    if (problems.length > 0) throw badSetting(name, problems.join('; '))
    const sealed = value ? masterKey.seal(value.reveal(), contextOf(name)) : null
    await writeSetting(tx, { version, name, sealed, setAt: clock.now(), actor })
    // The loop of `follow` repeats a failed reload.
    tx.afterCommit(() => void this.refresh().catch(() => undefined))
  }

  #requireChangeable(name: string): { spec: ConfigSpec; setting: Setting } {
    const found = this.#runtime().find(({ setting }) => setting.name === name)
    if (!found) {
      const fixed = this.#deps.specs.some((spec) => Object.values(spec.settings).some((one) => one.name === name))
      const why = fixed ? 'is read only at the start. Set it in the environment and restart' : 'is not a setting'
      throw new AppError('platform.unknown-setting', 404, `${name} ${why}.`, { param: name })
    }
    if (this.#deps.given.has(name)) {
      const message = `${name} is set by the environment, which overrides stored settings. Remove it there first.`
      throw new AppError('platform.setting-locked', 409, message, { param: name })
    }
    return found
  }

  #runtime(): { spec: ConfigSpec; setting: Setting }[] {
    return this.#deps.specs.flatMap((spec) =>
      Object.values(spec.settings).flatMap((setting) => (setting.runtime ? [{ spec, setting }] : [])),
    )
  }

  list(): SettingRow[] {
    return this.#runtime().map(({ spec, setting }) => {
      const { name, doc, secret } = setting
      const locked = this.#deps.given.has(name)
      const stored = this.#stored.find((row) => row.name === name)
      const text = this.#raw.get(name)
      const source = locked ? 'environment' : text ? 'stored' : 'default'
      const value = text && (secret ? '[secret]' : text.reveal())
      return {
        name,
        module: spec.module,
        doc,
        value,
        source,
        default: defaultText(setting),
        locked,
        secret,
        setAt: stored?.setAt,
        actor: stored?.actor,
      }
    })
  }

  async history(q: Queryable, filter: { name?: string; before?: bigint; limit: number }): Promise<SettingHistoryRow[]> {
    const rows = await readHistory(q, filter)
    return rows.map(({ sealed, ...row }) => ({ ...row, change: sealed === null ? 'cleared' : 'set' }))
  }

  refresh(): Promise<void> {
    return this.#reload()
  }

  /** Reloads changed settings. Changes nothing once the signal has aborted. */
  async #reload(signal?: AbortSignal): Promise<void> {
    const { db } = this.#deps
    // Read the version first: a change between the two reads is then loaded again, never missed.
    const version = await readVersion(db)
    if (version === this.#version) return
    const stored = await readSettings(db)
    if (signal?.aborted) return
    this.#raw = this.#merge(stored)
    this.#stored = stored
    this.#version = version
    this.#views = new Map()
  }

  #merge(stored: readonly StoredSetting[]): Raw {
    const { given, masterKey, log } = this.#deps
    const raw = new Map<string, Secret>()
    const runtime = new Set(this.#runtime().map(({ setting }) => setting.name))
    for (const { name, sealed } of stored) {
      if (!runtime.has(name)) continue
      try {
        raw.set(name, new Secret(masterKey.open(sealed, contextOf(name))))
      } catch (error) {
        log.error({ setting: name, error }, 'a stored setting cannot be decrypted and is ignored')
      }
    }
    for (const [name, text] of given) raw.set(name, text)
    return raw
  }

  async follow(signal: AbortSignal): Promise<void> {
    const loop = createLoop({
      name: 'settings',
      everyMs: POLL_MS,
      log: this.#deps.log,
      step: async (step) => {
        await this.#reload(step)
        return false
      },
    })
    loop.start()
    if (!signal.aborted) await once(signal, 'abort')
    await loop.stop()
  }
}

const contextOf = (name: string): string => `setting:${name}`

const badSetting = (name: string, problem: string): AppError =>
  new AppError('platform.bad-setting', 422, problem, { param: name })

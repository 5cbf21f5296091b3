import type { ConfigSpec } from '#platform/environment/config'
import { invariant } from '#platform/base/errors'
import { Secret } from '#platform/base/secrets'
import type { Settings } from '#platform/runtime/settings'

/** Returns settings that point to the simulators. Parses them again when the server's address changes (known once it listens). */
export function sandboxSettings(
  url: () => string,
  credentials: (url: string) => Record<string, string>,
): Pick<Settings, 'view'> {
  return {
    view: <Out>(spec: ConfigSpec<Out>): (() => Out) => {
      let last: { url: string; value: Out } | undefined
      return () => {
        const now = url()
        if (last?.url === now) return last.value
        const raw = new Map(Object.entries(credentials(now)).map(([name, text]) => [name, new Secret(text)]))
        const { value, problems } = spec.parse(raw, { mode: 'sandbox' })
        invariant(value, `the sandbox's own credentials are valid: ${problems.join('; ')}`)
        last = { url: now, value }
        return value
      }
    },
  }
}

import { InvalidArgumentError, type Command } from 'commander'
import { addMs } from '#platform/base/clock'
import type { CliContext, OpenCli } from '#platform/runtime/module'
import { DEFAULT_SCOPES, SCOPES, type NewKey, type Scope } from '../types.ts'
import { listOptions, openIdentity, parseDuration, printPage, formatTime, type ListOptions } from './context.ts'

export function keyCommands(key: Command, open: OpenCli): void {
  createCommand(key, open)
  listOptions(key.command('list').description('newest first, without the keys themselves'))
    .argument('[merchant]', 'only its keys, mer_…')
    .action(async (merchantId: string | undefined, options: ListOptions) => {
      const { context, identity } = await openIdentity(open)
      const page = await identity.listKeys(context.db, { ...options, merchantId })
      printPage(context, page, options, (one) => ({
        id: one.id,
        merchant: one.merchantId,
        store: one.storeId ?? '',
        name: one.name,
        key: `…${one.hint}`,
        scopes: one.scopes.join(','),
        used: formatTime(one.lastUsedAt),
        expires: formatTime(one.expiresAt),
        revoked: formatTime(one.revokedAt),
      }))
    })
  key
    .command('revoke')
    .description('refuse a key from now on (other running instances within 5 seconds)')
    .argument('<key>', 'its id, key_…')
    .action(async (keyId: string) => {
      const { context, identity } = await openIdentity(open)
      await context.db.transaction((tx) => identity.revokeKey(tx, { keyId }, context.actor))
      context.print(`Revoked ${keyId}.`)
    })
  key
    .command('rotate')
    .description('a new key with the same rights; the old one works until the overlap has passed')
    .argument('<key>', 'id of the old key, key_…')
    .option('--overlap <time>', 'how long the old key still works: 30m, 24h, 7d', parseDuration, parseDuration('24h'))
    .action(async (keyId: string, options: { overlap: number }) => {
      const { context, identity } = await openIdentity(open)
      const input = { keyId, overlapMs: options.overlap }
      showOnce(context, await context.db.transaction((tx) => identity.rotateKey(tx, input, context.actor)))
    })
}

interface CreateOptions {
  name: string
  store?: string
  scopes: readonly Scope[]
  expires?: number
}

function createCommand(key: Command, open: OpenCli): void {
  key
    .command('create')
    .description('a new key, formatTime once')
    .argument('<merchant>', 'whose key, mer_…')
    .option('--name <name>', 'to tell it apart', 'API key')
    .option('--store <store>', 'it acts for this store of the merchant alone, sto_…')
    .option('--scopes <list>', `with commas between them: ${SCOPES.join(', ')}`, parseScopes, DEFAULT_SCOPES)
    .option('--expires <time>', 'after which it stops working: 24h, 90d; never by default', parseDuration)
    .action(async (merchantId: string, { name, store: storeId, scopes, expires }: CreateOptions) => {
      const { context, identity } = await openIdentity(open)
      const expiry = expires === undefined ? {} : { expiresAt: addMs(context.clock.now(), expires) }
      const input = { merchantId, storeId, name, scopes, ...expiry }
      showOnce(context, await context.db.transaction((tx) => identity.createKey(tx, input, context.actor)))
    })
}

/** The key alone is the result, so that a script can read it. */
function showOnce(context: CliContext, { id, secret }: NewKey): void {
  context.print(secret)
  context.note(`This is ${id}. It is shown only now: keep it in a safe place.`)
}

function parseScopes(text: string): readonly Scope[] {
  return text.split(',').map((part) => {
    const scope = SCOPES.find((one) => one === part.trim())
    if (!scope) throw new InvalidArgumentError(`${part.trim()} is not a scope. Scopes: ${SCOPES.join(', ')}`)
    return scope
  })
}

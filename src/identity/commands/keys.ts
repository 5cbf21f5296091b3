import { InvalidArgumentError, type Command } from 'commander'
import { addMs } from '#platform/base/clock'
import type { CliContext, OpenCli } from '#platform/runtime/module'
import { DEFAULT_SCOPES, SCOPES, type NewKey, type Scope } from '../types.ts'
import { listOptions, openIdentity, parseDuration, printPage, formatTime, type ListOptions } from './context.ts'

export function keyCommands(key: Command, open: OpenCli): void {
  createCommand(key, open)
  listOptions(key.command('list').description('list keys, newest first, without the secrets'))
    .argument('[merchant]', 'only keys of this merchant, mer_…')
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
    .description('revoke a key (other running instances follow within 5 seconds)')
    .argument('<key>', 'key id, key_…')
    .action(async (keyId: string) => {
      const { context, identity } = await openIdentity(open)
      await context.db.transaction((tx) => identity.revokeKey(tx, { keyId }, context.actor))
      context.print(`Revoked ${keyId}.`)
    })
  key
    .command('rotate')
    .description('create a key with the same rights; the old key works until the overlap ends')
    .argument('<key>', 'old key id, key_…')
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
    .description('create a key; the secret is shown once')
    .argument('<merchant>', 'merchant id, mer_…')
    .option('--name <name>', 'name shown in lists', 'API key')
    .option('--store <store>', 'limit the key to this store, sto_…')
    .option('--scopes <list>', `comma-separated: ${SCOPES.join(', ')}`, parseScopes, DEFAULT_SCOPES)
    .option('--expires <time>', 'lifetime of the key: 24h, 90d; default: no expiry', parseDuration)
    .action(async (merchantId: string, { name, store: storeId, scopes, expires }: CreateOptions) => {
      const { context, identity } = await openIdentity(open)
      const expiry = expires === undefined ? {} : { expiresAt: addMs(context.clock.now(), expires) }
      const input = { merchantId, storeId, name, scopes, ...expiry }
      showOnce(context, await context.db.transaction((tx) => identity.createKey(tx, input, context.actor)))
    })
}

/** Prints only the key to stdout, so that a script can read it. */
function showOnce(context: CliContext, { id, secret }: NewKey): void {
  context.print(secret)
  context.note(`This is ${id}. It is shown only now. Keep it in a safe place.`)
}

function parseScopes(text: string): readonly Scope[] {
  return text.split(',').map((part) => {
    const scope = SCOPES.find((one) => one === part.trim())
    if (!scope) throw new InvalidArgumentError(`${part.trim()} is not a scope. Scopes: ${SCOPES.join(', ')}`)
    return scope
  })
}

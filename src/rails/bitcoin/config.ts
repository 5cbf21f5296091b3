import { z } from 'zod'
import { NETWORKS, parseAccount, type Account, type AddressKind, type Network } from '#clients/bitcoin'
import { defineConfig, setting, type ConfigOf, type Mode } from '#platform/environment/config'
import type { Secret } from '#platform/base/secrets'
import { parseTiers } from './finality.ts'

const NAMES: Readonly<Record<string, Network>> = { mainnet: 'main', testnet: 'test', testnet3: 'test' }
const DEFAULT_TIERS = '0.01:1,0.1:2,1:3,*:6'

const networkName = z
  .string()
  .transform((text) => NAMES[text.toLowerCase()] ?? text.toLowerCase())
  .pipe(z.enum(NETWORKS, `one of ${NETWORKS.join(', ')}`))

const tiers = z
  .string()
  .default(DEFAULT_TIERS)
  .transform((text, context) => {
    const read = parseTiers(text)
    if (!('problem' in read)) return read
    context.addIssue(read.problem)
    return z.NEVER
  })

export const bitcoinConfig = defineConfig(
  'bitcoin',
  {
    // Marked secret, so that a private key pasted here by mistake is never printed. The public key also reveals all income.
    xpub: setting('BITCOIN_XPUB', z.string().min(1).optional(), {
      doc: 'Public account key: xpub, zpub, tpub, vpub, or a descriptor wpkh(…) or tr(…). Never a private key. The rail is off without it.',
      secret: true,
      runtime: true,
      aliases: ['BITCOIN_DESCRIPTOR'],
      example: 'zpub6r…',
    }),
    addressType: setting('BITCOIN_ADDRESS_TYPE', z.enum(['wpkh', 'tr'], 'wpkh or tr').default('wpkh'), {
      doc: 'Addresses of a bare xpub or tpub: wpkh (bc1q…) or tr (bc1p…).',
      runtime: true,
    }),
    network: setting('BITCOIN_NETWORK', networkName.optional(), {
      doc: 'main, test, testnet4, signet or regtest; main in live mode, signet in test mode. The node must run on this network.',
      example: 'main',
    }),
    rpcUrl: setting(
      'BITCOIN_RPC_URL',
      z
        .url({ protocol: /^https?$/, error: 'a URL such as http://127.0.0.1:8332' })
        .refine(
          (url) => !new URL(url).username,
          'without user and password: set BITCOIN_RPC_USER, BITCOIN_RPC_PASSWORD',
        )
        .optional(),
      {
        doc: 'RPC address of the node: Bitcoin Core or Knots, 29 or later, pruned or not.',
        example: 'http://127.0.0.1:8332',
      },
    ),
    rpcUser: setting('BITCOIN_RPC_USER', z.string().min(1).optional(), {
      doc: 'RPC user of the node, if no cookie is used.',
    }),
    rpcPassword: setting('BITCOIN_RPC_PASSWORD', z.string().min(1).optional(), {
      doc: 'RPC password of the node, if no cookie is used.',
      secret: true,
    }),
    rpcCookie: setting('BITCOIN_RPC_COOKIE', z.string().min(1).optional(), {
      doc: 'Path of the node’s .cookie file, instead of user and password.',
      example: '/var/lib/bitcoind/.cookie',
    }),
    zmqUrl: setting(
      'BITCOIN_ZMQ_URL',
      z
        .string()
        .regex(/^tcp:\/\/.+:\d+$/, 'such as tcp://127.0.0.1:28332')
        .optional(),
      {
        doc: 'Address of the node’s zmqpubsequence, which reports payments at once. Default: the address that the node names. Without it payments appear after some seconds.',
        example: 'tcp://127.0.0.1:28332',
      },
    ),
    tiers: setting('BITCOIN_CONFIRMATIONS', tiers, {
      doc: 'Confirmations by amount in BTC: up to 0.01 one, up to 0.1 two, up to 1 three, more six. 0 accepts unconfirmed payments, which can be reversed.',
      runtime: true,
      example: DEFAULT_TIERS,
    }),
    tolerance: setting(
      'BITCOIN_TOLERANCE_PERCENT',
      z
        .string()
        .regex(/^\d{1,2}(\.\d{1,2})?$/, 'a percentage below 100 with at most two decimals')
        .default('0')
        .transform((text) => {
          const [whole = '0', fraction = ''] = text.split('.')
          return BigInt(whole + fraction.padEnd(2, '0'))
        }),
      { doc: 'Largest shortfall that still counts as paid, in percent.', runtime: true, example: '0.5' },
    ),
    minSats: setting(
      'BITCOIN_MIN_SATS',
      z
        .string()
        .regex(/^\d{3,12}$/, 'a whole number of sats, 546 or more')
        .default('1000')
        .transform(BigInt),
      {
        doc: 'Minimum payment in sats, 546 or more. Nodes treat smaller amounts as dust and do not relay them.',
        runtime: true,
      },
    ),
  },
  {
    problems: (values, { mode }) => problemsOf(values, mode),
    warnings: (values) => {
      const zero = values.tiers.some(({ confirmations }) => confirmations === 0)
      return zero ? ['BITCOIN_CONFIRMATIONS accepts unconfirmed payments as final: any of them can be reversed'] : []
    },
  },
)

export type BitcoinConfig = ConfigOf<typeof bitcoinConfig>

interface AccountValues {
  readonly xpub: Secret | undefined
  readonly addressType: AddressKind
  readonly network: Network | undefined
  readonly rpcUser: string | undefined
  readonly rpcPassword: Secret | undefined
  readonly rpcCookie: string | undefined
  readonly minSats: bigint
}

function problemsOf(values: AccountValues, mode: Mode): string[] {
  const problems: string[] = []
  if (values.xpub) {
    const account = accountOf(values, mode)
    if (account && 'problem' in account) problems.push(`BITCOIN_XPUB ${account.problem}`)
  }
  if (mode !== 'live' && values.network === 'main')
    problems.push(`BITCOIN_NETWORK is main with PURSER_MODE=${mode}: choose another, or set PURSER_MODE=live`)
  if (mode === 'live' && values.network !== undefined && values.network !== 'main')
    problems.push(`BITCOIN_NETWORK is ${values.network} with PURSER_MODE=live: remove it, or set PURSER_MODE=test`)
  if (values.rpcCookie !== undefined && (values.rpcUser !== undefined || values.rpcPassword))
    problems.push('BITCOIN_RPC_COOKIE cannot be set with BITCOIN_RPC_USER or BITCOIN_RPC_PASSWORD: remove one')
  if ((values.rpcUser === undefined) !== (values.rpcPassword === undefined))
    problems.push('BITCOIN_RPC_USER and BITCOIN_RPC_PASSWORD belong together: set both')
  if (values.minSats < 546n)
    problems.push('BITCOIN_MIN_SATS is below 546: nodes would not relay the payments. Set 546 or more')
  return problems
}

const DEFAULT_NETWORK: Readonly<Record<Mode, Network>> = { live: 'main', test: 'signet', sandbox: 'regtest' }

export const networkOf = ({ network: chosen }: Pick<AccountValues, 'network'>, mode: Mode): Network =>
  chosen ?? DEFAULT_NETWORK[mode]

let last: { key: string; account: Account | { problem: string } } | undefined

/** Returns the account key that addresses derive from, or undefined when none is set. The last key is cached: parsing takes curve arithmetic. */
export function accountOf(
  values: Pick<AccountValues, 'xpub' | 'network' | 'addressType'>,
  mode: Mode,
): Account | { problem: string } | undefined {
  const { xpub, addressType: kind } = values
  if (!xpub) return undefined
  const network = networkOf(values, mode)
  const key = [xpub.reveal(), network, kind].join()
  if (last?.key !== key) last = { key, account: parseAccount(xpub.reveal(), { network, kind }) }
  return last.account
}

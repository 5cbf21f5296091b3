/** Network names as in the node's `chain` field. `test` is testnet 3. Addresses of test, testnet4 and signet are alike; only the node states the network. */
export const NETWORKS = ['main', 'test', 'testnet4', 'signet', 'regtest'] as const
export type Network = (typeof NETWORKS)[number]

interface Parameters {
  readonly genesis: string
  readonly bech32: string
  readonly pubKeyHash: number
  readonly scriptHash: number
  readonly wif: number
}

const TEST = { bech32: 'tb', pubKeyHash: 0x6f, scriptHash: 0xc4, wif: 0xef }

/** Address prefixes and the hash of the first block (kernel/chainparams.cpp of Bitcoin Core). */
export const PARAMETERS: Readonly<Record<Network, Parameters>> = {
  main: {
    genesis: '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f',
    bech32: 'bc',
    pubKeyHash: 0x00,
    scriptHash: 0x05,
    wif: 0x80,
  },
  test: { genesis: '000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943', ...TEST },
  testnet4: { genesis: '00000000da84f2bafbbc53dee25a72ae507ff4914b867c565be350b0da8bf043', ...TEST },
  signet: { genesis: '00000008819873e925422c1ff0f99f7cc9bbb232af63a077a480a3633bee1ef6', ...TEST },
  regtest: {
    genesis: '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206',
    ...TEST,
    bech32: 'bcrt',
  },
}
